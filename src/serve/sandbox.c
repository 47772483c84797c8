#define _GNU_SOURCE
#include "serve/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Without conditions. */
static const int allowed[] = {
    /* messages and memory files */
    SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(memfd_create),
    SCMP_SYS(fcntl), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv),
    SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    /* memory */
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
    SCMP_SYS(brk),
    /* threads */
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(gettid), SCMP_SYS(getpid),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(membarrier),
    SCMP_SYS(exit), SCMP_SYS(exit_group),
    /* time, signals, chance */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack), SCMP_SYS(getrandom),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(poll), SCMP_SYS(ppoll)};

static int allow_with_conditions(scmp_filter_ctx filter, bool read_files)
{
    /* A thread, not a process. Of clone3 the flags cannot be seen: without it clone is called. */
    int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* Its own end: abort. */
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    if (code == 0 && read_files)
        code = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
            SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY));
    if (code == 0 && read_files)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(faccessat), 0);
    if (code == 0 && read_files)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(access), 0);
    return code;
}

int sandbox_enter(bool read_files, se_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return se_fail_memory(err, "the sandbox", 0);
    int code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && code == 0; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (code == 0)
        code = allow_with_conditions(filter, read_files);
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    RETURN_ERROR_IF(code != 0, err, SE_ERR_UNSUPPORTED, "sandbox: %s; sandbox = false goes without",
                    strerror(-code));
    return SE_OK;
}
