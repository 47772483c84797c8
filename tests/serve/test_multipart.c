/*
 * Multipart bodies, whole and broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/multipart.h"

static const char form[] = "multipart/form-data; boundary=xyz";

/* Expects the body to give exactly these parts, written "name[file]=data;…", then this status. */
static void expect(const char *content_type, const char *body, size_t size, const char *parts,
                   int status)
{
    /* In memory of exactly its size, so that a sanitizer sees any byte too far. */
    char *copy = malloc(size ? size : 1);
    char got[4096] = "";
    size_t used = 0;
    struct multipart multipart;
    struct multipart_part part;
    se_error err = {0};
    bool more = true;
    assert_non_null(copy);
    memcpy(copy, body, size);
    int result = multipart_begin(&multipart, content_type, copy, size, &err);
    while (result == SE_OK && more) {
        result = multipart_next(&multipart, &part, &more, &err);
        if (result == SE_OK && more)
            used += (size_t)snprintf(got + used, sizeof(got) - used, "%s[%s]=%.*s;", part.name,
                                     part.is_file ? part.file : "-", (int)part.size, part.data);
    }
    free(copy);
    if (result != status || strcmp(got, parts) != 0)
        fail_msg("%s\ngave \"%s\", status %d (%s)", body, got, result, err.message);
}

#define EXPECT(body, parts, status) expect(form, body, sizeof(body) - 1, parts, status)
#define PART(name, data) "Content-Disposition: form-data; " name "\r\n\r\n" data

static void test_whole(void **state)
{
    (void)state;
    EXPECT("--xyz\r\n" PART("name=\"a\"", "1") "\r\n--xyz--\r\n", "a[-]=1;", SE_OK);
    EXPECT("--xyz--", "", SE_OK);
    EXPECT("--xyz\r\n" PART("name=a; filename=\"b c.jpg\"",
                            "\r\n") "\r\n--xyz  \r\n"
                                    "X: y\r\ncontent-disposition:form-data;name=\"e\"\r\n\r\n"
                                    "\r\n--xyz--epilogue",
           "a[b c.jpg]=\r\n;e[-]=;", SE_OK);
    EXPECT("preamble\r\n--xyz\r\n" PART("filename=\"\"; name=\"f\"", "--xyz\r\n--xy") "\r\n--xyz--",
           "f[]=--xyz\r\n--xy;", SE_OK);
    EXPECT("--xyz\r\n" PART("name=\"q\\\"\\\\\"; filename=\"C:\\a\"", "") "\r\n--xyz--",
           "q\"\\[C:\\a]=;", SE_OK);
}

static void test_broken(void **state)
{
    (void)state;
    EXPECT("", "", SE_ERR_CORRUPT);
    EXPECT("--xy", "", SE_ERR_CORRUPT);
    EXPECT("--xyz", "", SE_ERR_CORRUPT);
    EXPECT("--xyz-", "", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\n", "", SE_ERR_CORRUPT);
    EXPECT("--xyzz\r\n" PART("name=a", "1") "\r\n--xyz--", "", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\nContent-Disposition: form-data; name=a\r\n", "", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\n" PART("name=a", "1"), "", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\n" PART("name=a", "1\r\n--xyz"), "a[-]=1;", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\n" PART("name=\"a", "1") "\r\n--xyz--", "", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\n" PART("filename=a", "1") "\r\n--xyz--", "", SE_ERR_CORRUPT);
    EXPECT("--xyz\r\n\r\n\r\n--xyz--", "", SE_ERR_CORRUPT);
}

static void test_limits(void **state)
{
    (void)state;
    static char body[MULTIPART_MAX_PARTS * 64 + 65536], parts[MULTIPART_MAX_PARTS * 8];
    char *at = body;
    *parts = '\0';
    for (int i = 0; i <= MULTIPART_MAX_PARTS; i++)
        at += sprintf(at, "--xyz\r\n" PART("name=a", "") "\r\n");
    at += sprintf(at, "--xyz--");
    for (int i = 0; i < MULTIPART_MAX_PARTS; i++)
        strcat(parts, "a[-]=;");
    expect(form, body, (size_t)(at - body), parts, SE_ERR_LIMIT);

    at = body + sprintf(body, "--xyz\r\nX: ");
    memset(at, 'x', MULTIPART_MAX_HEADERS);
    at += MULTIPART_MAX_HEADERS;
    at += sprintf(at, "\r\n" PART("name=a", "1") "\r\n--xyz--");
    expect(form, body, (size_t)(at - body), "", SE_ERR_LIMIT);

    at = body + sprintf(body, "--xyz\r\nContent-Disposition: form-data; name=");
    memset(at, 'x', MULTIPART_NAME_SIZE);
    at += MULTIPART_NAME_SIZE;
    at += sprintf(at, "\r\n\r\n1\r\n--xyz--");
    expect(form, body, (size_t)(at - body), "", SE_ERR_LIMIT);

    /* A file name is cut. */
    at = body + sprintf(body, "--xyz\r\nContent-Disposition: form-data; name=a; filename=");
    memset(at, 'x', 300);
    at += 300;
    at += sprintf(at, "\r\n\r\n1\r\n--xyz--");
    char name[MULTIPART_FILE_SIZE];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(parts, sizeof(parts), "a[%s]=1;", name);
    expect(form, body, (size_t)(at - body), parts, SE_OK);
}

static void test_content_types(void **state)
{
    static const char body[] = "--a b\r\n" PART("name=a", "1") "\r\n--a b--";
    const size_t size = sizeof(body) - 1;
    (void)state;
    expect("multipart/form-data; boundary=\"a b\"", body, size, "a[-]=1;", SE_OK);
    expect("multipart/form-data; charset=x ; Boundary = \"a b\"", body, size, "a[-]=1;", SE_OK);
    expect("multipart/form-data", body, size, "", SE_ERR_CORRUPT);
    expect("multipart/form-data; boundary=", body, size, "", SE_ERR_CORRUPT);
    expect("multipart/form-data; boundary=\"a b", body, size, "", SE_ERR_CORRUPT);
    expect("multipart/form-data; boundary="
           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
           body, size, "", SE_ERR_CORRUPT);
    assert_true(multipart_is("multipart/form-data; boundary=x"));
    assert_true(multipart_is("Multipart/Form-Data"));
    assert_false(multipart_is("multipart/form-data2"));
    assert_false(multipart_is("image/jpeg"));
    assert_false(multipart_is(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
