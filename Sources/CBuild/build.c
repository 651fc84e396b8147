#include "CBuild.h"

const char *dtrain_commit(void) { return DTRAIN_COMMIT; }
