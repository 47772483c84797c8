#include "base/look_alikes.h"

#include <stddef.h>

static const struct {
    uint16_t from;
    char to;
} table[LOOK_ALIKES] = {
    {0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'},
    {0x039A, 'K'}, {0x039C, 'M'}, {0x039D, 'N'}, {0x039F, 'O'}, {0x03A1, 'P'}, {0x03A4, 'T'},
    {0x03A5, 'Y'}, {0x03A7, 'X'}, {0x0405, 'S'}, {0x0406, 'I'}, {0x0408, 'J'}, {0x0410, 'A'},
    {0x0412, 'B'}, {0x0415, 'E'}, {0x041A, 'K'}, {0x041C, 'M'}, {0x041D, 'H'}, {0x041E, 'O'},
    {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'}, {0x0423, 'Y'}, {0x0425, 'X'},
};

char look_alike(uint32_t code_point)
{
    if (code_point < table[0].from || code_point > table[LOOK_ALIKES - 1].from)
        return '\0';
    for (size_t i = 0; i < LOOK_ALIKES; i++)
        if (table[i].from == code_point)
            return table[i].to;
    return '\0';
}

int code_symbol(uint32_t code_point)
{
    const uint32_t c = code_point;
    if (c >= '0' && c <= '9')
        return (int)(c - '0');
    if (c >= 'A' && c <= 'Z')
        return (int)(c - 'A') + 10;
    if (c >= 'a' && c <= 'z')
        return (int)(c - 'a') + 10;
    const char latin = look_alike(c);
    return latin ? latin - 'A' + 10 : -1;
}
