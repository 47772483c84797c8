#include "serial/shapes.h"

#include <ctype.h>
#include <string.h>

/* What is counted once and asked often. */
struct count {
    int symbols, digits, letters, lower, upper;
    int seps, dots, slashes, dashes, colons;
    int longest_digits; /* longest run of digits, separators end it */
    int changes;        /* from digits to letters and back */
    int tail_letters;   /* letters behind the last separator when it has no digits */
    bool hex;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) != 0;
}

static struct count count_of(const char *raw)
{
    struct count n = {.hex = true};
    int run = 0;
    char before = 0;
    for (const char *s = raw; *s; s++) {
        if (is_digit(*s)) {
            n.symbols++;
            n.digits++;
            n.tail_letters = -100;
            run++;
            n.changes += is_letter(before);
        } else if (is_letter(*s)) {
            n.symbols++;
            n.letters++;
            n.tail_letters++;
            n.lower += islower((unsigned char)*s) != 0;
            n.upper += isupper((unsigned char)*s) != 0;
            n.hex &= strchr("abcdefABCDEF", *s) != NULL;
            n.changes += is_digit(before);
            run = 0;
        } else {
            n.seps++;
            n.dots += *s == '.';
            n.slashes += *s == '/';
            n.dashes += *s == '-';
            n.colons += *s == ':';
            n.tail_letters = 0;
            run = 0;
        }
        before = *s;
        n.longest_digits = run > n.longest_digits ? run : n.longest_digits;
    }
    if (n.seps == 0)
        n.tail_letters = 0;
    return n;
}

static bool equals_fold(const char *word, size_t length, const char *other)
{
    size_t i = 0;
    for (; i < length && other[i]; i++)
        if (tolower((unsigned char)word[i]) != other[i])
            return false;
    return i == length && other[i] == '\0';
}

bool shape_is_unit(const char *word, size_t length)
{
    static const char *const units[] = {
        "v",    "vac",  "vdc",  "a",    "ma",   "ah",    "mah", "w",    "kw",   "mw",
        "wh",   "kwh",  "va",   "kva",  "hz",   "khz",   "mhz", "ghz",  "kg",   "kgs",
        "g",    "mg",   "lb",   "lbs",  "oz",   "mm",    "cm",  "m",    "km",   "nm",
        "um",   "in",   "inch", "ft",   "cu",   "l",     "ml",  "lt",   "gal",  "bar",
        "mbar", "psi",  "kpa",  "mpa",  "pa",   "c",     "f",   "k",    "rpm",  "min",
        "s",    "ms",   "h",    "hrs",  "hr",   "kb",    "mb",  "gb",   "tb",   "kbps",
        "mbps", "gbps", "bps",  "mbit", "gbit", "db",    "dbm", "dbi",  "ohm",  "ohms",
        "uf",   "pf",   "mp",   "px",   "dpi",  "x",     "pcs", "pc",   "rev",  "imp",
        "ph",   "p",    "hp",   "ps",   "nmi",  "mph",   "m3",  "m2",   "btu",  "cfm",
        "lm",   "lx",   "lux",  "vdc.", "volt", "volts", "amp", "amps", "watt", "watts"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (equals_fold(word, length, units[i]))
            return true;
    return false;
}

/* "230V", "1.26", "110/220V", "600rev/kWh", "2.4GHz-802": a number with what it counts. */
static bool is_quantity(const char *raw, const struct count *n)
{
    const char *s = raw;
    size_t number = 0;
    while (is_digit(*s) ||
           (number > 0 && (*s == '.' || *s == '/' || *s == '-') && is_digit(s[1]))) {
        number++;
        s++;
    }
    if (number == 0 || number > 9)
        return false;
    if (*s == '\0') /* decimals and short ratios; not 000-1234567 */
        return (n->dots == 1 && n->seps == 1 && n->digits <= 6) ||
               (n->slashes == n->seps && n->slashes > 0 && n->longest_digits <= 3 &&
                n->digits <= 7);
    const char *unit = s;
    while (is_letter(*s))
        s++;
    if (!shape_is_unit(unit, (size_t)(s - unit)) || n->longest_digits > 5)
        return false;
    /* "600rev/kWh"; but not the "10HR-4" of a model. */
    if (*s == '/')
        for (s++; is_letter(*s);)
            s++;
    return *s == '\0';
}

static int number_at(const char *s, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!is_digit(s[i]))
            return -1;
        value = value * 10 + (s[i] - '0');
    }
    return value;
}

static bool is_year(int y)
{
    return y >= 1950 && y <= 2059;
}

/* Splits digits by one kind of separator; groups found, or 0. */
static int digit_groups(const char *raw, int value[4], int width[4])
{
    int groups = 0;
    char sep = 0;
    for (const char *s = raw; *s;) {
        int w = 0;
        while (is_digit(s[w]))
            w++;
        if (w == 0 || w > 8 || groups == 4)
            return 0;
        width[groups] = w;
        value[groups++] = number_at(s, w);
        s += w;
        if (!*s)
            break;
        if (!strchr("-/.:", *s) || (sep && *s != sep) || !s[1])
            return 0;
        sep = *s++;
    }
    return groups;
}

static bool is_day_month(int a, int b)
{
    return a >= 1 && b >= 1 && ((a <= 31 && b <= 12) || (a <= 12 && b <= 31));
}

/* Dates with separators, months with years, times. */
static bool is_date(const char *raw)
{
    int v[4], w[4];
    const int groups = digit_groups(raw, v, w);
    if (groups == 3 && w[0] == 4 && w[1] <= 2 && w[2] <= 2)
        return is_year(v[0]) && is_day_month(v[2], v[1]);
    if (groups == 3 && w[0] <= 2 && w[1] <= 2 && (w[2] == 4 || w[2] == 2))
        return is_day_month(v[0], v[1]) && (w[2] == 2 || is_year(v[2]));
    if (groups == 2 && w[0] <= 2 && w[1] == 4)
        return v[0] >= 1 && v[0] <= 53 && is_year(v[1]);
    if (groups == 2 && w[0] == 4 && w[1] <= 2)
        return is_year(v[0]) && v[1] <= 53;
    return groups == 2 && w[0] <= 2 && w[1] == 2;
}

/* "12JAN2019", "Dec-2008", "MAR2020" */
static bool is_month_date(const char *raw, const struct count *n)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    const char *s = raw;
    char word[4] = {0};
    if (n->letters != 3 || n->digits < 2 || n->digits > 6)
        return false;
    while (*s && !is_letter(*s))
        s++;
    for (int i = 0; i < 3; i++) {
        if (!is_letter(s[i]))
            return false;
        word[i] = (char)tolower((unsigned char)s[i]);
    }
    const char *at = strstr(months, word);
    return at && (at - months) % 3 == 0;
}

/* 20190412 and the like: may be a date, may be a serial number that begins with one. */
static bool is_packed_date(const char *raw, const struct count *n)
{
    if (n->digits != 8 || n->symbols != 8 || n->seps)
        return false;
    const int y = number_at(raw, 4), m = number_at(raw + 4, 2), d = number_at(raw + 6, 2);
    return y >= 1990 && y <= 2039 && m >= 1 && m <= 12 && d >= 1 && d <= 31;
}

/* 1-800-822-8837, +49-30-1234567, 080-67988007 */
static bool is_telephone(const char *raw, const struct count *n)
{
    int v[4], w[4];
    if (raw[0] == '+' && n->digits >= 7 && n->letters == 0)
        return true;
    const int groups = digit_groups(raw, v, w);
    if (groups == 4 && w[0] == 1 && w[1] == 3 && w[2] == 3 && w[3] == 4)
        return true;
    return groups == 3 && w[0] == 3 && w[1] == 3 && w[2] == 4;
}

static bool is_address(const char *raw, const struct count *n)
{
    int v[4], w[4];
    if (strstr(raw, "://") || strncmp(raw, "www.", 4) == 0 || strncmp(raw, "http", 4) == 0 ||
        strncmp(raw, "WWW.", 4) == 0)
        return true;
    if (digit_groups(raw, v, w) == 4 && n->dots == 3 && n->digits >= 4)
        return v[0] < 256 && v[1] < 256 && v[2] < 256 && v[3] < 256;
    /* A dot between two words of letters: a host name or an abbreviation. */
    for (const char *s = raw; *s; s++)
        if (*s == '.' && s > raw + 1 && islower((unsigned char)s[-1]) &&
            islower((unsigned char)s[-2]) && islower((unsigned char)s[1]))
            return true;
    return false;
}

/* Standards, ratings and technologies, whose names are followed by a number. */
static bool is_standard_name(const char *word, size_t length)
{
    static const char *const words[] = {
        "iec",     "en",        "iso",  "ieee", "ansi",  "astm", "gb",   "gbt",  "jis",
        "din",     "ul",        "csa",  "fcc",  "cispr", "ices", "nmb",  "vde",  "is",
        "as",      "asnzs",     "nzs",  "bs",   "ip",    "ipx",  "usb",  "hdmi", "wifi",
        "ddr",     "rj",        "cat",  "cfr",  "class", "part", "rohs", "ce",   "win",
        "windows", "bluetooth", "bt",   "pcie", "pci",   "sata", "atx",  "mp",   "ethernet",
        "http",    "https",     "gpon", "rs",   "lr",    "cr",   "aa",   "aaa",  "can",
        "itu",     "g",         "etsi", "nema", "cl",    "wpa",  "mpeg", "ntsc", "pal",
        "dvb",     "lte",       "cdma", "gsm",  "wcdma", "umts", "nr"};
    for (size_t i = 0; length > 0 && i < sizeof(words) / sizeof(words[0]); i++)
        if (equals_fold(word, length, words[i]))
            return true;
    return false;
}

bool shape_is_publisher(const char *word, size_t length)
{
    static const char *const words[] = {
        "iec", "en", "iso",  "ieee",  "ansi", "astm", "jis", "din",  "ul",   "csa",   "vde",
        "is",  "bs", "etsi", "cispr", "itu",  "nema", "cfr", "part", "gost", "asnzs", "gb"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (equals_fold(word, length, words[i]))
            return true;
    return false;
}

/* A known word with a short number. */
static bool is_standard(const char *raw, const struct count *n)
{
    size_t length = 0;
    while (is_letter(raw[length]))
        length++;
    if (strncmp(raw, "802.", 4) == 0 || strncmp(raw, "21CFR", 5) == 0 ||
        strncmp(raw, "94V", 3) == 0 || strncmp(raw, "94v", 3) == 0)
        return true;
    if (n->longest_digits > 5 || n->digits > 8)
        return false;
    return is_standard_name(raw, length) && n->letters - (int)length <= 3 && raw[length] != '\0';
}

/* Approval numbers that are printed without a word in front: UL files, BIS, FCC-like codes. */
static bool is_approval(const char *raw, const struct count *n)
{
    const char *s = raw;
    if (*s == 'E' && n->letters == 1 && n->seps == 0 && n->digits >= 5 && n->digits <= 6)
        return true; /* UL file number */
    if (*s == 'R' && n->letters == 1 && n->digits == 8 && (s[1] == '-' || is_digit(s[1])))
        return true; /* Bureau of Indian Standards */
    return strstr(raw, "ICES") || strstr(raw, "NMB-") || strncmp(raw, "KCC-", 4) == 0 ||
           strncmp(raw, "MSIP-", 5) == 0 || strncmp(raw, "R-R-", 4) == 0 ||
           strncmp(raw, "R-C-", 4) == 0 || strncmp(raw, "R-REM", 5) == 0;
}

/* R12, C105, LED2, C2053S: parts on a circuit board. */
static bool is_designator(const struct count *n)
{
    return n->symbols <= 6 && n->seps == 0 && n->upper >= 1 && n->letters <= 4 && n->digits >= 1 &&
           n->digits <= 4 && n->changes <= 2;
}

static float length_score(int symbols, bool mixed)
{
    static const float scores[] = {-9,    -9,   -9,   -9,   -4.0F, -2.2F, -0.9F,
                                   -0.2F, 0.3F, 0.4F, 0.5F, 0.5F,  0.5F,  0.4F,
                                   0.4F,  0.4F, 0.4F, 0.3F, 0.2F,  0.1F,  0};
    float score = symbols <= 20 ? scores[symbols] : -0.25F * (float)(symbols - 20);
    return mixed && symbols >= 8 ? score + 0.3F : score;
}

/* What the stripes of a barcode are read as. */
static bool is_stripes(const char *raw, const struct count *n)
{
    return n->symbols >= 5 && n->letters > 0 && raw[strspn(raw, "Il1i")] == '\0';
}

struct shape shape_of(const char *raw)
{
    const struct count n = count_of(raw);
    const bool mixed = n.letters > 0 && n.digits > 0;
    struct shape shape = {0};
    if (n.symbols == 0 || is_quantity(raw, &n) || is_date(raw) || is_month_date(raw, &n) ||
        is_telephone(raw, &n) || is_address(raw, &n) || is_stripes(raw, &n)) {
        shape.no_code = true;
        shape.bare = shape.announced = -9;
        return shape;
    }
    float score = length_score(n.symbols, mixed);
    const float announced_length = n.symbols >= 4 ? score * 0.5F : score;
    if (n.longest_digits >= 6)
        score += 0.8F;
    else if (n.longest_digits == 5)
        score += 0.4F;
    else if (n.longest_digits <= 3)
        score -= n.changes >= 3 && n.upper + n.digits == n.symbols ? 0.2F : 1.2F;
    if (n.digits == 0)
        score -= 4;
    if (n.lower > 0 && n.upper > 0)
        score -= 0.9F;
    if (n.lower > 0 && n.upper == 0)
        score -= 1.2F;
    score -= 0.5F * (float)(n.seps > 4 ? 4 : n.seps);
    if (n.dots)
        score -= 1;
    if (n.tail_letters > 0)
        score -= 1;
    if (is_standard(raw, &n))
        score -= 4;
    if (is_approval(raw, &n))
        score -= 4;
    if (is_designator(&n))
        score -= 1.5F;
    if (is_packed_date(raw, &n))
        score -= 2;
    if (n.symbols == 4 && n.digits == 4 && is_year(number_at(raw, 4)))
        score -= 3;
    shape.bare = score;
    shape.announced = announced_length;
    if (n.digits == 0)
        shape.announced -= n.lower > 0 || n.symbols < 6 ? 5.0F : 2.5F;
    else if (n.longest_digits < 2 && n.symbols < 8)
        shape.announced -= 1;
    if (n.lower > n.upper && n.lower > 1)
        shape.announced -= 1;
    if (is_standard(raw, &n) || is_approval(raw, &n))
        shape.announced -= 3.5F;
    if (n.colons && n.colons != 5 && n.colons != 7)
        shape.announced -= 2;
    return shape;
}

bool shape_is_speech(const char *key)
{
    enum { CONSONANTS_MOST = 4, VOWELS_MOST = 3 };
    size_t length = 0, vowels = 0, run = 0, vowel_run = 0;
    for (; key[length]; length++) {
        if (key[length] < 'A' || key[length] > 'Z')
            return false;
        const bool vowel = strchr("AEIOUY", key[length]) != NULL;
        vowels += vowel;
        run = vowel ? 0 : run + 1;
        vowel_run = vowel ? vowel_run + 1 : 0;
        if (run > CONSONANTS_MOST || vowel_run > VOWELS_MOST)
            return false;
    }
    return length > 0 && 5 * vowels >= length && 3 * vowels <= 2 * length;
}
