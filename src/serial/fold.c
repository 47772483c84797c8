#include "serial/fold.h"

#include <stddef.h>
#include <string.h>

#include "base/look_alikes.h"

/* U+00C0 … U+017F without their marks, lower case; '*' where there is no letter of A … Z. */
static const char latin_base[] = "aaaaaaaceeeeiiiidnooooo*ouuuuyts"
                                 "aaaaaaaceeeeiiiidnooooo*ouuuuyty"
                                 "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
                                 "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* Symbols that cameras and fonts confuse; the figure is the share of such mistakes where one of the
 * two is printed, by rule of thumb: what counts is their order. */
static const struct {
    char a, b;
    float p;
} confusions[] = {
    {'0', 'O', 0.06F},  {'0', 'D', 0.02F},  {'0', 'Q', 0.02F},  {'O', 'D', 0.01F},
    {'O', 'Q', 0.02F},  {'1', 'I', 0.06F},  {'1', 'L', 0.03F},  {'I', 'L', 0.02F},
    {'1', '7', 0.01F},  {'1', 'T', 0.005F}, {'2', 'Z', 0.04F},  {'5', 'S', 0.05F},
    {'6', 'G', 0.03F},  {'6', 'B', 0.005F}, {'8', 'B', 0.05F},  {'7', 'T', 0.02F},
    {'4', 'A', 0.01F},  {'U', 'V', 0.01F},  {'V', 'Y', 0.01F},  {'C', 'G', 0.01F},
    {'8', '3', 0.005F}, {'8', '6', 0.005F}, {'8', '0', 0.005F}, {'M', 'N', 0.005F},
    {'H', 'N', 0.003F}, {'J', '1', 0.003F}, {'K', 'X', 0.003F}, {'E', 'F', 0.003F},
    {'P', 'R', 0.003F}, {'W', 'V', 0.003F}, {'5', '6', 0.003F}, {'9', '4', 0.003F},
    {'9', 'G', 0.003F}, {'Y', '4', 0.003F}, {'J', 'U', 0.003F}, {'3', '5', 0.002F},
};

static uint32_t unwiden(uint32_t c)
{
    return c >= 0xFF01 && c <= 0xFF5E ? c - 0xFF01 + 0x21 : c;
}

uint32_t fold_letter(uint32_t c)
{
    c = unwiden(c);
    if (c >= 'A' && c <= 'Z')
        return c + 32;
    if (c == 0xB0 || c == 0xBA)
        return 'o';
    if (c == 0xAA)
        return 'a';
    if (c >= 0xC0 && c <= 0x17F) {
        const char base = latin_base[c - 0xC0];
        return base == '*' ? c : (uint32_t)base;
    }
    if (c == 0x218 || c == 0x219)
        return 's';
    if (c == 0x21A || c == 0x21B)
        return 't';
    if (c >= 0x1EA0 && c <= 0x1EF9) /* Vietnamese, in the order a e i o u y */
        return c < 0x1EB8   ? 'a'
               : c < 0x1EC8 ? 'e'
               : c < 0x1ECC ? 'i'
               : c < 0x1EE4 ? 'o'
               : c < 0x1EF2 ? 'u'
                            : 'y';
    if (c >= 0x391 && c <= 0x3A9)
        return c + 32;
    if (c == 0x3C2)
        return 0x3C3;
    if (c == 0x3AF || c == 0x3CC)
        return c == 0x3AF ? 0x3B9 : 0x3BF;
    if (c >= 0x410 && c <= 0x42F)
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    return c;
}

bool fold_is_small(uint32_t c)
{
    const uint32_t letter = fold_letter(c);
    return fold_class(c) == FOLD_LOWER && (letter >= 0x80 || !strchr("ckopsuvwxz", (int)letter));
}

bool fold_is_unspaced(uint32_t c)
{
    return (c >= 0x0E00 && c <= 0x0E7F) || (c >= 0x3041 && c <= 0x30FE) ||
           (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

enum fold_class fold_class(uint32_t c)
{
    c = unwiden(c);
    if (c <= ' ' || c == 0xA0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200B) || c == 0xFEFF)
        return FOLD_SPACE;
    if (c >= '0' && c <= '9')
        return FOLD_DIGIT;
    if (c >= 'A' && c <= 'Z')
        return FOLD_UPPER;
    if (c >= 'a' && c <= 'z')
        return FOLD_LOWER;
    if (c < 0xC0 || c == 0xD7 || c == 0xF7)
        return FOLD_MARK;
    if (fold_symbol(c) != FOLD_NO_SYMBOL)
        return FOLD_UPPER;
    if ((c >= 0x2000 && c <= 0x2E7F) || (c >= 0x3001 && c <= 0x3040) || c == 0x30FB ||
        (c >= 0xE000 && c <= 0xF8FF) || (c >= 0xFE00 && c <= 0xFFFF) || c > 0x3FFFF)
        return FOLD_MARK;
    return FOLD_LETTER;
}

bool fold_is_word(uint32_t c)
{
    const enum fold_class k = fold_class(c);
    return k != FOLD_SPACE && k != FOLD_MARK;
}

uint8_t fold_symbol(uint32_t c)
{
    const int symbol = code_symbol(unwiden(c));
    return symbol >= 0 ? (uint8_t)symbol : FOLD_NO_SYMBOL;
}

char fold_symbol_char(uint8_t symbol)
{
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[symbol % FOLD_SYMBOLS];
}

int fold_confusions(uint8_t symbol, struct fold_confusion out[FOLD_CONFUSIONS])
{
    int count = 0;
    if (symbol >= FOLD_SYMBOLS)
        return 0;
    const char c = fold_symbol_char(symbol);
    for (size_t i = 0; i < sizeof(confusions) / sizeof(confusions[0]); i++) {
        const char other = confusions[i].a == c   ? confusions[i].b
                           : confusions[i].b == c ? confusions[i].a
                                                  : '\0';
        if (other && count < FOLD_CONFUSIONS)
            out[count++] = (struct fold_confusion){fold_symbol((uint32_t)(unsigned char)other),
                                                   confusions[i].p};
    }
    return count;
}

uint16_t fold_groups(uint32_t c)
{
    /* Each group looks alike in some font; a letter may be in several groups. */
    static const char *const groups[] = {"o0qd", "1li|!j", "s5", "b86", "z2", "g69q", "nmh",
                                         "uv",   "ec",     "a4", "yv",  "t7", "fr"};
    uint16_t bits = 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (c != 0 && c < 0x80 && strchr(groups[i], (int)c))
            bits |= (uint16_t)(1U << i);
    return bits;
}
