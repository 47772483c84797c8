/*
 * What a process in the sandbox can and cannot do. Each in a child, since there is no way back.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/sandbox.h"

enum { NO_SECCOMP = 77, GOOD = 42 };

/* The exit status of a child that enters the sandbox and runs `act`; -1 when a signal ended it. */
static int in_sandbox(bool read_files, int (*act)(void))
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(sandbox_enter(read_files, NULL) == SE_OK ? act() : NO_SECCOMP);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SECCOMP)
        skip();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int failed(bool all)
{
    return all ? GOOD : 1;
}

static int outside(void)
{
    char *const arguments[] = {"true", NULL};
    bool good = socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM;
    good &= socket(AF_UNIX, SOCK_STREAM, 0) < 0;
    good &= open("/etc/hostname", O_RDONLY) < 0 && errno == EPERM;
    good &= open("/tmp/serialeye-sandbox", O_WRONLY | O_CREAT, 0600) < 0;
    good &= unlink("/tmp/serialeye-sandbox") < 0 && errno == EPERM;
    good &= execv("/bin/true", arguments) < 0 && errno == EPERM;
    good &= fork() < 0 && errno == EPERM;
    good &= kill(getppid(), 0) < 0 && errno == EPERM;
    good &= ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM;
    return failed(good);
}

static void *touch(void *argument)
{
    *(int *)argument = GOOD;
    return NULL;
}

static int inside(void)
{
    pthread_t thread;
    int value = 0;
    const int file = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = file >= 0 && write(file, "abc", 3) == 3;
    good &= fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == 0;
    void *bytes = mmap(NULL, 3, PROT_READ, MAP_PRIVATE, file, 0);
    good &= bytes != MAP_FAILED && *(char *)bytes == 'a';
    free(malloc(64 << 20));
    good &= pthread_create(&thread, NULL, touch, &value) == 0 && pthread_join(thread, NULL) == 0;
    return good ? value : 1;
}

static int reads_files(void)
{
    bool good = open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0;
    good &= open("/dev/null", O_WRONLY) < 0 && errno == EPERM;
    good &= open("/dev/null", O_RDWR) < 0 && errno == EPERM;
    good &= open("/tmp/serialeye-sandbox", O_RDONLY | O_CREAT, 0600) < 0 && errno == EPERM;
    good &= socket(AF_INET, SOCK_STREAM, 0) < 0;
    return failed(good);
}

static int aborts(void)
{
    abort();
}

static void test_outside(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(false, outside), GOOD);
}

static void test_inside(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(false, inside), GOOD);
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(true, reads_files), GOOD);
}

static void test_abort(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(false, aborts), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
