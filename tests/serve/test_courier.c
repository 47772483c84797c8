/*
 * What a webhook may lead to, and how it is signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "serve/courier.h"

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return courier_is_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return courier_is_public((const struct sockaddr *)&v6);
}

static void test_addresses(void **state)
{
    static const char *const closed[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.1",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.1.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.1.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::8.8.8.8",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "ff02::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "100::1",
    };
    static const char *const open[] = {
        "1.1.1.1",      "8.8.8.8",       "9.255.255.255",  "11.0.0.1",    "100.63.255.255",
        "100.128.0.1",  "126.1.1.1",     "128.0.0.1",      "169.253.1.1", "172.15.255.255",
        "172.32.0.1",   "192.0.1.1",     "192.167.1.1",    "192.169.1.1", "198.17.1.1",
        "198.20.0.1",   "223.255.255.1", "::ffff:8.8.8.8", "2001:200::1", "2001:4860:4860::8888",
        "2606:4700::1", "2a00:1450::1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
        if (is_public(closed[i]))
            fail_msg("%s is let through", closed[i]);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        if (!is_public(open[i]))
            fail_msg("%s is refused", open[i]);
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(courier_is_public(&local));
}

/* openssl dgst -sha256 -hmac key, of "1700000000.{}". */
static void test_signature(void **state)
{
    char text[COURIER_SIGNATURE_SIZE];
    (void)state;
    courier_sign(text, "key", 3, 1700000000, "{}", 2);
    assert_string_equal(text, "t=1700000000,v1="
                              "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

static void test_urls(void **state)
{
    static const char *const good[] = {"http://example.com", "https://example.com:8443/a?b=c",
                                       "HTTP://[2001:4860::1]/"};
    static const char *const bad[] = {"",
                                      "example.com",
                                      "ftp://example.com",
                                      "http://",
                                      "file:///etc",
                                      "http://a@example.com",
                                      "http://a:b@example.com",
                                      "javascript:alert(1)"};
    const char *why;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!courier_takes(good[i], &why))
            fail_msg("%s: %s", good[i], why);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (courier_takes(bad[i], &why))
            fail_msg("%s is taken", bad[i]);
        assert_non_null(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
