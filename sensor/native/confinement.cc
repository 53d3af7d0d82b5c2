#include "confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace picket {

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

constexpr uint32_t kPermitted = SECCOMP_RET_ALLOW;
constexpr uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
// What the C library and Node.js take for an older kernel and do without.
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
// System calls of the x32 ABI.
constexpr uint32_t kForeignCalls = 0x40000000;
constexpr uint32_t kWritingFlags = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

constexpr int kRefusedCalls[] = {
    SYS_connect, SYS_listen, SYS_accept4, SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_bpf, SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_unlinkat, SYS_renameat2,
    SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_mknodat, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat,
    SYS_mount, SYS_umount2, SYS_unshare, SYS_setns, SYS_chroot, SYS_pivot_root, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_setxattr, SYS_removexattr,
    SYS_keyctl, SYS_add_key, SYS_request_key, SYS_perf_event_open, SYS_userfaultfd, SYS_memfd_create,
    SYS_open_by_handle_at,
#if defined(__x86_64__)
    SYS_creat, SYS_accept, SYS_unlink, SYS_rename, SYS_renameat, SYS_mkdir, SYS_rmdir, SYS_link, SYS_symlink, SYS_mknod,
    SYS_chmod, SYS_chown, SYS_lchown,
#endif
};

constexpr int kUnknownCalls[] = {SYS_openat2, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

// One instruction after the other; a jump is relative to the one after it.
class Program {
 public:
  void Load(uint32_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void Return(uint32_t what) { Add(BPF_RET | BPF_K, what); }
  void ReturnUnless(uint32_t value, uint32_t what) {
    Jump(BPF_JEQ, value, 1, 0);
    Return(what);
  }
  void ReturnIf(uint32_t value, uint32_t what) {
    Jump(BPF_JEQ, value, 0, 1);
    Return(what);
  }
  void ReturnFrom(uint32_t value, uint32_t what) {
    Jump(BPF_JGE, value, 0, 1);
    Return(what);
  }
  // A call whose argument must have none of the bits, or is refused.
  void RefuseBits(int call, int argument, uint32_t bits) {
    Jump(BPF_JEQ, static_cast<uint32_t>(call), 0, 4);
    Load(offsetof(seccomp_data, args) + 8 * argument);
    Jump(BPF_JSET, bits, 0, 1);
    Return(kRefused);
    Return(kPermitted);
  }
  // A socket of one of the families, or none.
  void PermitSockets(const std::vector<uint32_t>& families) {
    Jump(BPF_JEQ, SYS_socket, 0, static_cast<uint8_t>(2 + 2 * families.size()));
    Load(offsetof(seccomp_data, args));
    for (uint32_t each : families) ReturnIf(each, kPermitted);
    Return(kRefused);
  }
  const std::vector<sock_filter>& code() const { return code_; }

 private:
  void Add(uint16_t operation, uint32_t operand) { code_.push_back({operation, 0, 0, operand}); }
  void Jump(uint16_t test, uint32_t operand, uint8_t when_true, uint8_t when_false) {
    code_.push_back({static_cast<uint16_t>(BPF_JMP | test | BPF_K), when_true, when_false, operand});
  }
  std::vector<sock_filter> code_;
};

Program Rules() {
  Program program;
  program.Load(offsetof(seccomp_data, arch));
  program.ReturnUnless(kArchitecture, SECCOMP_RET_KILL_PROCESS);
  program.Load(offsetof(seccomp_data, nr));
  program.ReturnFrom(kForeignCalls, kRefused);
  program.PermitSockets({AF_PACKET, AF_NETLINK, AF_UNIX});
#if defined(__x86_64__)
  program.RefuseBits(SYS_open, 1, kWritingFlags);
#endif
  program.RefuseBits(SYS_openat, 2, kWritingFlags);
  for (int each : kRefusedCalls) program.ReturnIf(each, kRefused);
  for (int each : kUnknownCalls) program.ReturnIf(each, kUnknown);
  program.Return(kPermitted);
  return program;
}

}  // namespace

int ConfineProcess() {
  if (kArchitecture == 0) return ENOSYS;
  const Program rules = Rules();
  const sock_fprog program = {static_cast<unsigned short>(rules.code().size()),
                              const_cast<sock_filter*>(rules.code().data())};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  // Every thread, or none: then the number of the one that could not.
  const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result < 0) return errno;
  return result == 0 ? 0 : EBUSY;
}

}  // namespace picket
