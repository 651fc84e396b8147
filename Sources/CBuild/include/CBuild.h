#ifndef CBUILD_H
#define CBUILD_H

/// The commit that was built, from `git describe`; empty unless the build passes it, as the
/// Makefile does.
const char *dtrain_commit(void);

#endif
