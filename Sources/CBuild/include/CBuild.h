#ifndef CBUILD_H
#define CBUILD_H

/// The commit that was built, as `git describe` names it; empty where the build wasn't told: see the Makefile.
const char *dtrain_commit(void);

#endif
