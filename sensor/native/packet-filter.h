#ifndef PICKET_PACKET_FILTER_H_
#define PICKET_PACKET_FILTER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace picket {

// One instruction of a classic BPF program, as the kernel takes it.
struct FilterInstruction {
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t operand;
};

// What a socket delivers, and so what a filter sees first.
enum class FilterLink { kEthernet, kIp };

// Compiles a libpcap expression; the empty one accepts everything. Accepted
// packets are cut to `snap_bytes`. Returns false with the reason in `error`.
bool CompileFilter(const std::string& expression, FilterLink link, uint32_t snap_bytes,
                   std::vector<FilterInstruction>* program, std::string* error);

}  // namespace picket

#endif  // PICKET_PACKET_FILTER_H_
