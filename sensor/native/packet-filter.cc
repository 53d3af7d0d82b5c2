#include "packet-filter.h"

#include <pcap/pcap.h>

namespace picket {

namespace {

// What the kernel takes (BPF_MAXINSNS).
constexpr unsigned kInstructionsMax = 4096;
// libpcap's optimiser takes seconds for expressions of thousands of terms.
constexpr size_t kOptimizedBytesMax = 4096;

}  // namespace

bool CompileFilter(const std::string& expression, FilterLink link, uint32_t snap_bytes,
                   std::vector<FilterInstruction>* program, std::string* error) {
  pcap_t* handle = pcap_open_dead(link == FilterLink::kEthernet ? DLT_EN10MB : DLT_RAW,
                                  static_cast<int>(snap_bytes));
  if (handle == nullptr) {
    *error = "out of memory";
    return false;
  }
  bpf_program compiled = {};
  const int optimize = expression.size() <= kOptimizedBytesMax ? 1 : 0;
  if (pcap_compile(handle, &compiled, expression.c_str(), optimize, PCAP_NETMASK_UNKNOWN) != 0) {
    *error = pcap_geterr(handle);
    pcap_close(handle);
    return false;
  }
  const bool fits = compiled.bf_len <= kInstructionsMax;
  if (fits) {
    program->reserve(compiled.bf_len);
    for (unsigned i = 0; i < compiled.bf_len; i++) {
      const bpf_insn& each = compiled.bf_insns[i];
      program->push_back({each.code, each.jt, each.jf, each.k});
    }
  } else {
    *error = "the filter is too long for the kernel";
  }
  pcap_freecode(&compiled);
  pcap_close(handle);
  return fits;
}

}  // namespace picket
