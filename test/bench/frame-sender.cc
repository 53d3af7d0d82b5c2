// Frames come in at an interface at a given rate: those of a capture file over
// and over, each time from and to other addresses so that no flow comes twice,
// or TCP SYN packets whose sources never repeat. A BPF program in the kernel's test run (XDP live frames) writes each
// frame and passes it to the interface's own receive path; a packet socket, an
// skb and a system call for each packet would cost more than the receivers.
//
//   frame-sender INTERFACE PACKETS_PER_SECOND SECONDS file FILE
//   frame-sender INTERFACE PACKETS_PER_SECOND SECONDS syn DESTINATION
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// What is kept of a frame; the rest of its length is what was there before.
constexpr uint32_t kStoredMax = 244;
constexpr uint32_t kFrameBytesMax = 3000;
constexpr uint32_t kChunk = 1 << 16;

struct Slot {
  uint32_t wire_bytes, stored_bytes;
  // A byte of the source address and one of the destination, counted up with each time.
  uint8_t source_at, destination_at, unused[2];
  uint8_t bytes[kStoredMax];
};

struct State {
  uint64_t next, due_ns, sent;
};

static int Bpf(int command, bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

static uint64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void Fail(const char* step) {
  perror(step);
  exit(1);
}

// An array map and its memory.
static int NewArray(uint32_t value_bytes, uint32_t count, void** memory) {
  bpf_attr attr = {};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = value_bytes;
  attr.max_entries = count;
  attr.map_flags = BPF_F_MMAPABLE;
  const int fd = Bpf(BPF_MAP_CREATE, &attr);
  if (fd < 0) Fail("frame-sender: map");
  const size_t bytes = (static_cast<size_t>(value_bytes) * count + 4095) & ~4095ull;
  *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (*memory == MAP_FAILED) Fail("frame-sender: map memory");
  return fd;
}

static void Put(Slot* slot, const uint8_t* bytes, uint32_t length) {
  slot->wire_bytes = length < 60 ? 60 : length > kFrameBytesMax ? kFrameBytesMax : length;
  slot->stored_bytes = length < kStoredMax ? length : kStoredMax;
  memcpy(slot->bytes, bytes, slot->stored_bytes);
  const bool is_ipv6 = bytes[12] == 0x86;
  slot->source_at = is_ipv6 ? 28 : 27;
  slot->destination_at = is_ipv6 ? 44 : 31;
}

// Offsets of the frames in a classic capture file of this machine's byte order.
static std::vector<size_t> FramesOf(const std::vector<uint8_t>& file) {
  std::vector<size_t> frames;
  uint32_t length;
  for (size_t at = 24; at + 16 <= file.size(); at += 16 + length) {
    memcpy(&length, &file[at + 8], sizeof length);
    if (at + 16 + length > file.size()) break;
    frames.push_back(at + 8);
  }
  return frames;
}

// Maps the frames to send; returns the map and how many there are.
static int Load(bool is_syn, const char* word, uint32_t* count) {
  void* memory;
  if (is_syn) {
    uint8_t frame[60] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6};
    inet_pton(AF_INET, word, &frame[30]);
    const uint8_t ports_on[] = {0xc0, 0, 1, 187, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 4};
    memcpy(&frame[34], ports_on, sizeof ports_on);
    const int map = NewArray(sizeof(Slot), *count = 1, &memory);
    Put(static_cast<Slot*>(memory), frame, sizeof frame);
    // The identification: the addresses are the program's.
    static_cast<Slot*>(memory)->source_at = static_cast<Slot*>(memory)->destination_at = 19;
    return map;
  }
  std::ifstream stream(word, std::ios::binary);
  const std::vector<uint8_t> file{std::istreambuf_iterator<char>(stream), {}};
  const std::vector<size_t> frames = FramesOf(file);
  if (frames.empty()) Fail("frame-sender: no frames");
  const int map = NewArray(sizeof(Slot), *count = frames.size(), &memory);
  for (size_t i = 0; i < frames.size(); i++) {
    uint32_t length;
    memcpy(&length, &file[frames[i]], sizeof length);
    Put(static_cast<Slot*>(memory) + i, &file[frames[i] + 8], length);
  }
  return map;
}

// Registers: 6 the packet, 7 the state, 8 the slot. A packet that is not due is dropped: that is the waiting.
static int Program(bool is_syn, int frames_map, uint32_t count, int state_map, uint32_t interval_ns) {
  std::vector<bpf_insn> code;
  std::vector<size_t> to_drop;
  const auto add = [&](int op, int dst, int src, int off, int imm) {
    code.push_back({static_cast<uint8_t>(op), static_cast<uint8_t>(dst & 15), static_cast<uint8_t>(src & 15),
                    static_cast<int16_t>(off), imm});
  };
  const auto move = [&](int dst, int src) { add(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0); };
  const auto set = [&](int dst, int imm) { add(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm); };
  const auto load = [&](int size, int dst, int src, int off) { add(BPF_LDX | BPF_MEM | size, dst, src, off, 0); };
  const auto store = [&](int size, int dst, int src, int off) { add(BPF_STX | BPF_MEM | size, dst, src, off, 0); };
  const auto call = [&](int function) { add(BPF_JMP | BPF_CALL, 0, 0, 0, function); };
  const auto map = [&](int dst, int kind, int fd) {
    add(BPF_LD | BPF_IMM | BPF_DW, dst, kind, 0, fd);
    add(0, 0, 0, 0, 0);
  };
  const auto drop_if = [&](int op, int dst, int src, int imm) {
    to_drop.push_back(code.size());
    add(BPF_JMP | op, dst, src, 0, imm);
  };
  move(6, 1);
  map(7, BPF_PSEUDO_MAP_VALUE, state_map);
  call(BPF_FUNC_ktime_get_ns);
  load(BPF_DW, 1, 7, 8);
  drop_if(BPF_JLT | BPF_X, 0, 1, 0);
  add(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, interval_ns);
  store(BPF_DW, 7, 1, 8);
  load(BPF_DW, 2, 7, 0);
  store(BPF_W, 10, 2, -4);
  add(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 1);
  add(BPF_JMP | BPF_JLT | BPF_K, 2, 0, 1, count);
  set(2, 0);
  store(BPF_DW, 7, 2, 0);
  map(1, BPF_PSEUDO_MAP_FD, frames_map);
  move(2, 10);
  add(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4);
  call(BPF_FUNC_map_lookup_elem);
  drop_if(BPF_JEQ | BPF_K, 0, 0, 0);
  move(8, 0);
  for (int field : {8, 9}) {
    load(BPF_B, 1, 8, field);
    add(BPF_ALU64 | BPF_AND | BPF_K, 1, 0, 0, 63);
    move(2, 8);
    add(BPF_ALU64 | BPF_ADD | BPF_X, 2, 1, 0, 0);
    load(BPF_B, 3, 2, 12);
    add(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, 1);
    store(BPF_B, 2, 3, 12);
  }
  load(BPF_W, 1, 6, 4);
  load(BPF_W, 3, 6, 0);
  add(BPF_ALU64 | BPF_SUB | BPF_X, 1, 3, 0, 0);
  load(BPF_W, 2, 8, 0);
  add(BPF_ALU64 | BPF_SUB | BPF_X, 2, 1, 0, 0);
  move(1, 6);
  call(BPF_FUNC_xdp_adjust_tail);
  load(BPF_W, 4, 8, 4);
  drop_if(BPF_JGT | BPF_K, 4, 0, kStoredMax);
  drop_if(BPF_JEQ | BPF_K, 4, 0, 0);
  move(1, 6);
  set(2, 0);
  move(3, 8);
  add(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, 12);
  call(BPF_FUNC_xdp_store_bytes);
  load(BPF_DW, 1, 7, 16);
  add(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1);
  store(BPF_DW, 7, 1, 16);
  // The number of a packet times an odd one is its source: none comes twice in 2^32.
  for (int offset : {26, 38}) {
    if (!is_syn) break;
    add(BPF_ALU | BPF_MUL | BPF_K, 1, 0, 0, static_cast<int>(2654435761u));
    store(BPF_W, 10, 1, -4);
    move(1, 6);
    set(2, offset);
    move(3, 10);
    add(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -4);
    set(4, 4);
    call(BPF_FUNC_xdp_store_bytes);
    load(BPF_DW, 1, 7, 16);
  }
  set(0, XDP_PASS);
  add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  for (size_t at : to_drop) code[at].off = static_cast<int16_t>(code.size() - at - 1);
  set(0, XDP_DROP);
  add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  std::vector<char> log(1 << 16);
  bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_XDP;
  attr.insns = reinterpret_cast<uint64_t>(code.data());
  attr.insn_cnt = code.size();
  attr.license = reinterpret_cast<uint64_t>("GPL");
  attr.log_buf = reinterpret_cast<uint64_t>(log.data());
  attr.log_size = log.size();
  attr.log_level = 1;
  const int fd = Bpf(BPF_PROG_LOAD, &attr);
  if (fd < 0) fprintf(stderr, "%s\n", log.data());
  if (fd < 0) Fail("frame-sender: program");
  return fd;
}

int main(int count, char** words) {
  if (count < 6) return fprintf(stderr, "frame-sender: see the head of its source\n"), 2;
  const uint64_t duration_ns = atof(words[3]) * 1e9;
  const bool is_syn = std::string(words[4]) == "syn";
  void* memory;
  uint32_t frame_count;
  const int frames = Load(is_syn, words[5], &frame_count);
  const int state_map = NewArray(sizeof(State), 1, &memory);
  volatile State* state = static_cast<State*>(memory);
  const int program = Program(is_syn, frames, frame_count, state_map, 1e9 / atof(words[2]));
  uint8_t blank[64] = {};
  xdp_md context = {};
  context.data_end = sizeof blank;
  context.ingress_ifindex = if_nametoindex(words[1]);
  bpf_attr attr = {};
  attr.test.prog_fd = program;
  attr.test.data_in = reinterpret_cast<uint64_t>(blank);
  attr.test.data_size_in = sizeof blank;
  attr.test.ctx_in = reinterpret_cast<uint64_t>(&context);
  attr.test.ctx_size_in = sizeof context;
  attr.test.repeat = kChunk;
  attr.test.batch_size = 64;
  attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  const uint64_t start = Now();
  for (state->due_ns = start; Now() - start < duration_ns;)
    if (Bpf(BPF_PROG_TEST_RUN, &attr) != 0) Fail("frame-sender: test run");
  printf("%llu packets in %.6f s\n", static_cast<unsigned long long>(state->sent), (Now() - start) / 1e9);
}
