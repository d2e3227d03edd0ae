#include "runtime/cli/TracePage.h"
extern const char fpmoe::tracePageHead[] = "";
extern const char fpmoe::tracePageTail[] = "";
