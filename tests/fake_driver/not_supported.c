/* Functions that PyCUDA links and the fake does not have. */
#include "driver.h"

#define NOT_SUPPORTED(name)                         \
    API name(void)                                  \
    {                                               \
        CALL(NOTHING, CUDA_ERROR_NOT_SUPPORTED);    \
    }
#include "not_supported.h"
