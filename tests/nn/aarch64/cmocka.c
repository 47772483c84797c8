#include "cmocka.h"

jmp_buf test_end;
