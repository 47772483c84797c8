/*
 * openapi.json against the table of routes: the same paths, methods and scopes in both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "serve/keys.h"
#include "serve/page.h"
#include "serve/request.h"

static json_t *load(void)
{
    json_t *document = json_loadb((const char *)openapi_files[0].data, openapi_files[0].size,
                                  JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    return document;
}

/* For people, with a browser. */
static bool is_of_page(const struct route *route)
{
    return strcmp(route->path, "/") == 0 || strncmp(route->path, "/page/", 6) == 0;
}

static void lower(const char *text, char out[16])
{
    size_t i = 0;
    for (; text[i] && i < 15; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[i] = '\0';
}

static const json_t *operation_of(const json_t *document, const struct route *route)
{
    char method[16];
    lower(route->method, method);
    return json_object_get(json_object_get(json_object_get(document, "paths"), route->path),
                           method);
}

static void test_every_route_is_described(void **state)
{
    json_t *document = load();
    (void)state;
    for (const struct route *route = request_routes; route->method; route++) {
        const json_t *operation = operation_of(document, route);
        if (is_of_page(route)) {
            assert_null(operation);
            continue;
        }
        if (!operation)
            fail_msg("%s %s is not described", route->method, route->path);
        const char *scope = json_string_value(json_object_get(operation, "x-scope"));
        if (strcmp(scope ? scope : "none", key_scope_name(route->scope)) != 0)
            fail_msg("%s %s: another scope", route->method, route->path);
        /* What is open says that it needs no key. */
        assert_int_equal(json_is_array(json_object_get(operation, "security")),
                         route->scope == ACCESS_OPEN);
    }
    json_decref(document);
}

static bool is_route(const char *path, const char *method)
{
    char own[16];
    for (const struct route *route = request_routes; route->method; route++) {
        lower(route->method, own);
        if (strcmp(route->path, path) == 0 && strcmp(own, method) == 0)
            return true;
    }
    return false;
}

static void test_every_operation_is_a_route(void **state)
{
    json_t *document = load(), *operations, *operation;
    const char *path, *method;
    size_t count = 0;
    (void)state;
    json_object_foreach(json_object_get(document, "paths"), path, operations)
    {
        json_object_foreach(operations, method, operation)
        {
            if (!is_route(path, method))
                fail_msg("there is no %s %s", method, path);
            count++;
        }
    }
    assert_true(count > 20);
    json_decref(document);
}

/* The value that "#/a/b" leads to, or NULL. */
static const json_t *follow(const json_t *document, const char *reference)
{
    const json_t *at = *reference == '#' ? document : NULL;
    for (const char *part = reference + 1; at && *part == '/'; part += strcspn(part + 1, "/") + 1) {
        char name[64];
        const size_t length = strcspn(part + 1, "/");
        assert_true(length < sizeof(name));
        memcpy(name, part + 1, length);
        name[length] = '\0';
        at = json_object_get(at, name);
    }
    return at;
}

/* Returns how many references there are in `value`, all of which lead somewhere. */
static size_t count_references(const json_t *document, const json_t *value)
{
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    size_t count = reference != NULL, i;
    const char *key;
    json_t *one;
    if (reference && !follow(document, reference))
        fail_msg("%s leads nowhere", reference);
    json_object_foreach((json_t *)(uintptr_t)value, key, one) count +=
        count_references(document, one);
    json_array_foreach(value, i, one) count += count_references(document, one);
    return count;
}

/* Does an operation of `document` have the parameter? */
static bool is_used(const json_t *value, const char *name)
{
    char reference[96];
    size_t i;
    const char *key;
    json_t *one;
    snprintf(reference, sizeof(reference), "#/components/parameters/%s", name);
    const char *own = json_string_value(json_object_get(value, "$ref"));
    bool used = own && strcmp(own, reference) == 0;
    json_object_foreach((json_t *)(uintptr_t)value, key, one) used |= is_used(one, name);
    json_array_foreach(value, i, one) used |= is_used(one, name);
    return used;
}

static void test_every_parameter_is_used(void **state)
{
    json_t *document = load(), *one;
    const char *name;
    (void)state;
    json_object_foreach((json_t *)(uintptr_t)follow(document, "#/components/parameters"), name,
                        one) if (!is_used(document, name)) fail_msg("%s is of no operation", name);
    assert_false(is_used(document, "nothing"));
    json_decref(document);
}

static void test_references_lead_somewhere(void **state)
{
    json_t *document = load();
    (void)state;
    assert_true(count_references(document, document) > 100);
    assert_null(follow(document, "#/components/parameters/nothing"));
    assert_null(follow(document, "components"));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references_lead_somewhere),
        cmocka_unit_test(test_every_parameter_is_used),
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_every_operation_is_a_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
