#ifndef PICKET_PACKET_RING_H_
#define PICKET_PACKET_RING_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace picket {

struct RingOptions {
  // Name of the interface, or "any".
  std::string interface_name;
  // libpcap expression; empty accepts everything.
  std::string filter;
  uint32_t snap_bytes = 256;
  // A multiple of the page size.
  uint32_t block_bytes = 1 << 20;
  uint32_t block_count = 16;
  // A block that is not full is handed over after this time.
  uint32_t retire_ms = 20;
  bool promiscuous = true;
  // Stamps of the network card where it makes them, else of the kernel.
  bool hardware_timestamps = false;
  // Rings with the same number share the packets by flow; negative: none.
  int32_t fanout_group = -1;
};

struct InterfaceFacts {
  // 0 when there is no such interface, or for "any".
  int index = 0;
  bool exists = false;
  bool is_up = false;
  // ARPHRD_* of linux/if_arp.h.
  int hardware_type = 0;
};

// An open ring. `memory` is shared with the kernel.
struct PacketRing {
  int fd = -1;
  uint8_t* memory = nullptr;
  size_t memory_bytes = 0;
  InterfaceFacts facts;
  // Packets start at the network layer; the link layer is in the ring's header.
  bool is_cooked = false;
};

struct RingError {
  // 0 when the filter is what is wrong.
  int error_number = 0;
  std::string message;
};

struct RingStatistics {
  uint32_t packets = 0;
  uint32_t drops = 0;
  uint32_t freezes = 0;
};

// What the system says of an interface now.
InterfaceFacts ReadInterface(const std::string& name);

// Opens a ring; on failure nothing stays open and `error` says why.
bool OpenRing(const RingOptions& options, PacketRing* ring, RingError* error);

// Closes what is open. May be called again.
void CloseRing(PacketRing* ring);

// Counts since the last call. False when the kernel does not tell.
bool ReadStatistics(const PacketRing& ring, RingStatistics* statistics);

// Takes the error that waits at the socket, for example ENETDOWN; 0 for none.
int TakeSocketError(const PacketRing& ring);

}  // namespace picket

#endif  // PICKET_PACKET_RING_H_
