#include "packet-ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "packet-filter.h"

namespace picket {

namespace {

constexpr char kAny[] = "any";
// Only TPACKET_V1 and V2 are cut into frames; the kernel checks the figure all the same.
constexpr uint32_t kFrameBytes = 2048;

bool Fail(PacketRing* ring, RingError* error, const char* step) {
  error->error_number = errno;
  error->message = std::string(step) + ": " + strerror(errno);
  CloseRing(ring);
  return false;
}

template <typename T>
bool SetOption(int fd, int option, const T& value) {
  return setsockopt(fd, SOL_PACKET, option, &value, sizeof value) == 0;
}

bool AttachFilter(const RingOptions& options, PacketRing* ring, RingError* error) {
  std::vector<FilterInstruction> program;
  const FilterLink link = ring->is_cooked ? FilterLink::kIp : FilterLink::kEthernet;
  if (!CompileFilter(options.filter, link, options.snap_bytes, &program, &error->message)) {
    error->error_number = 0;
    CloseRing(ring);
    return false;
  }
  static_assert(sizeof(FilterInstruction) == sizeof(sock_filter));
  const sock_fprog attached = {static_cast<unsigned short>(program.size()),
                               reinterpret_cast<sock_filter*>(program.data())};
  if (setsockopt(ring->fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) == 0) return true;
  const bool is_refused = errno == ENOMEM || errno == EINVAL;
  Fail(ring, error, "attach the filter");
  if (is_refused) *error = {0, "the filter is too long for the kernel"};
  return false;
}

bool MapRing(const RingOptions& options, PacketRing* ring, RingError* error) {
  tpacket_req3 request = {};
  request.tp_block_size = options.block_bytes;
  request.tp_block_nr = options.block_count;
  request.tp_frame_size = kFrameBytes;
  request.tp_frame_nr = options.block_bytes / kFrameBytes * options.block_count;
  request.tp_retire_blk_tov = options.retire_ms;
  if (!SetOption(ring->fd, PACKET_RX_RING, request)) return Fail(ring, error, "allocate the ring");
  const size_t bytes = static_cast<size_t>(options.block_bytes) * options.block_count;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
  if (memory == MAP_FAILED) return Fail(ring, error, "map the ring");
  ring->memory = static_cast<uint8_t*>(memory);
  ring->memory_bytes = bytes;
  return true;
}

bool BindRing(const RingOptions& options, PacketRing* ring, RingError* error) {
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = ring->facts.index;
  if (bind(ring->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return Fail(ring, error, "bind to the interface");
  errno = TakeSocketError(*ring);
  if (errno != 0) return Fail(ring, error, "bind to the interface");
  if (options.promiscuous && ring->facts.index != 0) {
    packet_mreq membership = {};
    membership.mr_ifindex = ring->facts.index;
    membership.mr_type = PACKET_MR_PROMISC;
    if (!SetOption(ring->fd, PACKET_ADD_MEMBERSHIP, membership)) return Fail(ring, error, "set promiscuous mode");
  }
  if (options.fanout_group < 0) return true;
  const int fanout = (options.fanout_group & 0xffff) | (PACKET_FANOUT_HASH << 16);
  return SetOption(ring->fd, PACKET_FANOUT, fanout) || Fail(ring, error, "join the fanout group");
}

}  // namespace

InterfaceFacts ReadInterface(const std::string& name) {
  InterfaceFacts facts;
  if (name == kAny) {
    facts.exists = facts.is_up = true;
    facts.hardware_type = ARPHRD_VOID;
    return facts;
  }
  ifreq request = {};
  if (name.empty() || name.size() >= sizeof request.ifr_name) return facts;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return facts;
  memcpy(request.ifr_name, name.c_str(), name.size() + 1);
  if (ioctl(fd, SIOCGIFINDEX, &request) == 0) {
    facts.index = request.ifr_ifindex;
    facts.exists = true;
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) facts.is_up = (request.ifr_flags & IFF_UP) != 0;
    if (ioctl(fd, SIOCGIFHWADDR, &request) == 0) facts.hardware_type = request.ifr_hwaddr.sa_family;
  }
  close(fd);
  return facts;
}

bool OpenRing(const RingOptions& options, PacketRing* ring, RingError* error) {
  ring->facts = ReadInterface(options.interface_name);
  errno = ENODEV;
  if (!ring->facts.exists) return Fail(ring, error, "find the interface");
  const int type = ring->facts.hardware_type;
  ring->is_cooked = type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK;
  // Protocol 0 receives nothing until bind: no packet gets past the filter.
  ring->fd = socket(AF_PACKET, (ring->is_cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (ring->fd < 0) return Fail(ring, error, "open a packet socket");
  if (!SetOption(ring->fd, PACKET_VERSION, static_cast<int>(TPACKET_V3))) return Fail(ring, error, "use TPACKET_V3");
  const int stamps = SOF_TIMESTAMPING_RAW_HARDWARE;
  if (options.hardware_timestamps && !SetOption(ring->fd, PACKET_TIMESTAMP, stamps))
    return Fail(ring, error, "ask for hardware timestamps");
  // On the loopback interface every packet comes twice: as it leaves and as it arrives.
  if (type == ARPHRD_LOOPBACK && !SetOption(ring->fd, PACKET_IGNORE_OUTGOING, 1))
    return Fail(ring, error, "leave out outgoing packets");
  return AttachFilter(options, ring, error) && MapRing(options, ring, error) && BindRing(options, ring, error);
}

void CloseRing(PacketRing* ring) {
  if (ring->memory != nullptr) munmap(ring->memory, ring->memory_bytes);
  if (ring->fd >= 0) close(ring->fd);
  ring->memory = nullptr;
  ring->memory_bytes = 0;
  ring->fd = -1;
}

bool ReadStatistics(const PacketRing& ring, RingStatistics* statistics) {
  tpacket_stats_v3 counts = {};
  socklen_t length = sizeof counts;
  if (getsockopt(ring.fd, SOL_PACKET, PACKET_STATISTICS, &counts, &length) != 0) return false;
  *statistics = {counts.tp_packets, counts.tp_drops, counts.tp_freeze_q_cnt};
  return true;
}

int TakeSocketError(const PacketRing& ring) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(ring.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace picket
