/*
 * Check digits and other ways in which a code agrees with itself. Keys fit their pattern already:
 * capitals and digits, of the right length.
 */
#include <string.h>

#include "serial/formats.h"

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

static int two(const char *key)
{
    return digit(key[0]) * 10 + digit(key[1]);
}

enum { VIN_ZEROS = 7 };

/* 49 CFR 565.15: letters have values 1 … 9, positions have weights, modulo 11, 10 is X. */
bool check_vin(const char *key, size_t length)
{
    static const int values[26] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4,
                                   5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9};
    static const int weights[17] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    size_t zeros = 0;
    int sum = 0;
    if (length != 17)
        return false;
    for (size_t i = 0; i < 17; i++) {
        /* So many in a row say nothing of a vehicle; of other numbers one in eleven passes. */
        zeros = key[i] == '0' ? zeros + 1 : 0;
        if (zeros == VIN_ZEROS)
            return false;
        sum += weights[i] * (digit(key[i]) >= 0 ? digit(key[i]) : values[(key[i] - 'A') % 26]);
    }
    return key[8] == (sum % 11 == 10 ? 'X' : (char)('0' + sum % 11));
}

/* ISO 6346 annex A: letters are 10 … 38 without multiples of 11, times 2^position, modulo 11. */
bool check_iso6346(const char *key, size_t length)
{
    int sum = 0;
    if (length != 11)
        return false;
    for (int i = 0; i < 10; i++) {
        int value = digit(key[i]);
        if (value < 0) {
            value = key[i] - 'A' + 10;
            value += value > 10 ? 1 + (value - 11) / 10 : 0;
        }
        sum += value << i;
    }
    return sum % 11 % 10 == digit(key[10]);
}

/* ISO/IEC 7812-1 annex B. */
bool check_luhn(const char *key, size_t length)
{
    int sum = 0;
    for (size_t i = 0; i < length; i++) {
        int d = digit(key[length - 1 - i]);
        if (d < 0)
            return false;
        if (i % 2 == 1)
            d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    return length > 1 && sum % 10 == 0;
}

/* GS1 General Specifications 7.9: weights 3 and 1 from the right, modulo 10. */
bool check_gtin(const char *key, size_t length)
{
    int sum = 0;
    for (size_t i = 0; i < length; i++) {
        const int d = digit(key[length - 1 - i]);
        if (d < 0)
            return false;
        sum += i % 2 == 1 ? 3 * d : d;
    }
    return length > 1 && sum % 10 == 0;
}

/* IEEE 802: a device's own address is unicast, and not all of it is zero. */
bool check_unicast(const char *key, size_t length)
{
    return length >= 2 && strchr("02468ACE", key[1]) != NULL && strspn(key, "0") < length;
}

/* ITU-T G.984.3: a PON serial number begins with four ASCII letters, here as hexadecimal digits. */
bool check_hex_vendor(const char *key, size_t length)
{
    for (size_t i = 0; i < 8 && i + 1 < length; i += 2) {
        const int high = digit(key[i]);
        const bool letter = (high == 4 && key[i + 1] != '0') ||
                            (high == 5 && (digit(key[i + 1]) >= 0 || key[i + 1] == 'A'));
        if (!letter)
            return false;
    }
    return true;
}

/* Site, year - 1996, week, number. */
bool check_cisco(const char *key, size_t length)
{
    return length == 11 && two(key + 3) >= 1 && two(key + 3) <= 45 && two(key + 5) >= 1 &&
           two(key + 5) <= 53;
}

/* Site, last digit of the year, week, number. */
bool check_hp(const char *key, size_t length)
{
    return length == 10 && two(key + 4) >= 1 && two(key + 4) <= 53;
}

/* The last eight digits: year, number. */
bool check_fortinet(const char *key, size_t length)
{
    return length == 16 && two(key + 8) >= 5 && two(key + 8) <= 39;
}

/* Letter of the year, week, weekday, number. */
bool check_vaisala(const char *key, size_t length)
{
    return length == 8 && two(key + 1) >= 1 && two(key + 1) <= 53 && key[3] >= '1' && key[3] <= '7';
}
