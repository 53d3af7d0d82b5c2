// The ring for JavaScript: open, close, statistics, interface. What a packet
// is, JavaScript reads from the shared memory itself.

#include <linux/if_packet.h>
#include <node_api.h>
#include <uv.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "confinement.h"
#include "packet-ring.h"

namespace {

using picket::PacketRing;
using picket::RingOptions;

// After so long, or so many blocks, other events have their turn: a full block takes milliseconds.
constexpr uint64_t kTurnNanoseconds = 2'000'000;
constexpr uint32_t kBlocksPerTurn = 8;
constexpr napi_type_tag kRingTag = {0x7069636b65742d72, 0x696e672d68616e64};

// One open ring. It lives until the event loop has closed its handle and the
// JavaScript object is gone, whichever is later.
struct Ring {
  napi_env env = nullptr;
  PacketRing socket;
  uint32_t block_bytes = 0;
  uint32_t block_count = 0;
  uint32_t next_block = 0;
  uv_poll_t poll;
  napi_async_context async_context = nullptr;
  napi_async_cleanup_hook_handle cleanup_hook = nullptr;
  napi_ref self = nullptr;
  napi_ref memory = nullptr;
  napi_ref on_block = nullptr;
  napi_ref on_error = nullptr;
  bool is_polling = false;
  bool is_delivering = false;
  bool close_requested = false;
  bool is_loop_done = true;
  bool is_collected = false;
};

void DeleteWhenUnused(Ring* ring) {
  if (ring->is_loop_done && ring->is_collected) delete ring;
}

void DeleteReference(napi_env env, napi_ref* reference) {
  if (*reference != nullptr) napi_delete_reference(env, *reference);
  *reference = nullptr;
}

// JavaScript's view of the memory must be empty before the memory goes.
void DetachMemory(Ring* ring) {
  napi_value memory;
  if (ring->memory == nullptr) return;
  if (napi_get_reference_value(ring->env, ring->memory, &memory) == napi_ok && memory != nullptr)
    napi_detach_arraybuffer(ring->env, memory);
}

void OnClosed(uv_handle_t* handle) {
  Ring* ring = static_cast<Ring*>(handle->data);
  ring->is_loop_done = true;
  if (ring->cleanup_hook != nullptr) napi_remove_async_cleanup_hook(ring->cleanup_hook);
  ring->cleanup_hook = nullptr;
  DeleteWhenUnused(ring);
}

// Closes everything that is open; a ring that is delivering closes after it.
void Close(Ring* ring) {
  ring->close_requested = true;
  if (ring->is_delivering) return;
  napi_handle_scope scope;
  napi_open_handle_scope(ring->env, &scope);
  DetachMemory(ring);
  if (ring->is_polling) uv_close(reinterpret_cast<uv_handle_t*>(&ring->poll), OnClosed);
  ring->is_polling = false;
  picket::CloseRing(&ring->socket);
  if (ring->async_context != nullptr) napi_async_destroy(ring->env, ring->async_context);
  ring->async_context = nullptr;
  for (napi_ref* each : {&ring->memory, &ring->on_block, &ring->on_error, &ring->self})
    DeleteReference(ring->env, each);
  napi_close_handle_scope(ring->env, scope);
}

void OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  Ring* ring = static_cast<Ring*>(data);
  ring->is_delivering = false;
  Close(ring);
}

void OnCollected(napi_env, void* data, void*) {
  Ring* ring = static_cast<Ring*>(data);
  ring->is_collected = true;
  DeleteWhenUnused(ring);
}

// Calls back into JavaScript; an exception there is an uncaught one.
void Call(Ring* ring, napi_ref callback, size_t count, const napi_value* arguments) {
  napi_value receiver, function, result, exception;
  napi_get_reference_value(ring->env, ring->self, &receiver);
  napi_get_reference_value(ring->env, callback, &function);
  const napi_status status =
      napi_make_callback(ring->env, ring->async_context, receiver, function, count, arguments, &result);
  if (status != napi_pending_exception) return;
  napi_get_and_clear_last_exception(ring->env, &exception);
  napi_fatal_exception(ring->env, exception);
}

// Hands over the next block when the kernel is done with it, and gives it back.
bool DeliverBlock(Ring* ring) {
  const uint32_t start = ring->next_block * ring->block_bytes;
  auto* block = reinterpret_cast<tpacket_block_desc*>(ring->socket.memory + start);
  uint32_t* status = &block->hdr.bh1.block_status;
  if ((__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return false;
  napi_handle_scope scope;
  napi_open_handle_scope(ring->env, &scope);
  napi_value arguments[3];
  napi_create_uint32(ring->env, start, &arguments[0]);
  napi_create_uint32(ring->env, block->hdr.bh1.offset_to_first_pkt, &arguments[1]);
  napi_create_uint32(ring->env, block->hdr.bh1.num_pkts, &arguments[2]);
  Call(ring, ring->on_block, 3, arguments);
  napi_close_handle_scope(ring->env, scope);
  __atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  ring->next_block = (ring->next_block + 1) % ring->block_count;
  return true;
}

void DeliverBlocks(Ring* ring) {
  const uint64_t end = uv_hrtime() + kTurnNanoseconds;
  for (uint32_t i = 0; i < kBlocksPerTurn && !ring->close_requested; i++)
    if (!DeliverBlock(ring) || uv_hrtime() >= end) return;
}

void ReportError(Ring* ring, int error) {
  napi_handle_scope scope;
  napi_open_handle_scope(ring->env, &scope);
  napi_value argument;
  napi_create_string_utf8(ring->env, uv_err_name(-error), NAPI_AUTO_LENGTH, &argument);
  Call(ring, ring->on_error, 1, &argument);
  napi_close_handle_scope(ring->env, scope);
}

void OnPoll(uv_poll_t* poll, int status, int) {
  Ring* ring = static_cast<Ring*>(poll->data);
  ring->is_delivering = true;
  DeliverBlocks(ring);
  if (status < 0 && !ring->close_requested) {
    const int error = picket::TakeSocketError(ring->socket);
    // The loop stops polling on an error; this one is taken, packets may come again.
    uv_poll_start(poll, UV_READABLE, OnPoll);
    if (error != 0) ReportError(ring, error);
  }
  ring->is_delivering = false;
  if (ring->close_requested) Close(ring);
}

napi_value Throw(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
  return nullptr;
}

napi_value Property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  if (napi_get_named_property(env, object, name, &value) != napi_ok) napi_get_undefined(env, &value);
  return value;
}

bool ReadString(napi_env env, napi_value object, const char* name, std::string* out) {
  const napi_value value = Property(env, object, name);
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  out->resize(length + 1);
  napi_get_value_string_utf8(env, value, &(*out)[0], length + 1, &length);
  out->resize(length);
  return out->find('\0') == std::string::npos;
}

bool ReadOptions(napi_env env, napi_value object, RingOptions* options) {
  return ReadString(env, object, "interface", &options->interface_name) &&
         ReadString(env, object, "filter", &options->filter) &&
         napi_get_value_uint32(env, Property(env, object, "snapLengthBytes"), &options->snap_bytes) == napi_ok &&
         napi_get_value_uint32(env, Property(env, object, "blockBytes"), &options->block_bytes) == napi_ok &&
         napi_get_value_uint32(env, Property(env, object, "blockCount"), &options->block_count) == napi_ok &&
         napi_get_value_uint32(env, Property(env, object, "retireMs"), &options->retire_ms) == napi_ok &&
         napi_get_value_bool(env, Property(env, object, "promiscuous"), &options->promiscuous) == napi_ok &&
         napi_get_value_bool(env, Property(env, object, "hardwareTimestamps"), &options->hardware_timestamps) ==
             napi_ok &&
         napi_get_value_int32(env, Property(env, object, "fanoutGroup"), &options->fanout_group) == napi_ok;
}

// Offsets within the ring are 32 bits wide; the kernel checks the rest.
bool AreInRange(const RingOptions& options) {
  return options.block_bytes > 0 && options.block_count > 0 && options.snap_bytes > 0 &&
         options.snap_bytes <= 65535 && options.retire_ms <= 60000 && options.fanout_group <= 0xffff &&
         static_cast<uint64_t>(options.block_bytes) * options.block_count <= (1u << 31);
}

void SetNumber(napi_env env, napi_value object, const char* name, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

void SetFlag(napi_env env, napi_value object, const char* name, bool flag) {
  napi_value value;
  napi_get_boolean(env, flag, &value);
  napi_set_named_property(env, object, name, value);
}

// Registers everything JavaScript and the event loop hold of the ring.
bool Register(napi_env env, Ring* ring, const napi_value* callbacks, napi_value object) {
  napi_value name, memory;
  uv_loop_t* loop;
  bool ok = napi_create_string_utf8(env, "picket-ring", NAPI_AUTO_LENGTH, &name) == napi_ok &&
            napi_async_init(env, object, name, &ring->async_context) == napi_ok &&
            napi_create_external_arraybuffer(env, ring->socket.memory, ring->socket.memory_bytes, nullptr, nullptr,
                                             &memory) == napi_ok &&
            napi_create_reference(env, memory, 1, &ring->memory) == napi_ok &&
            napi_set_named_property(env, object, "memory", memory) == napi_ok &&
            napi_create_reference(env, callbacks[0], 1, &ring->on_block) == napi_ok &&
            napi_create_reference(env, callbacks[1], 1, &ring->on_error) == napi_ok &&
            napi_create_reference(env, object, 1, &ring->self) == napi_ok &&
            napi_get_uv_event_loop(env, &loop) == napi_ok && uv_poll_init(loop, &ring->poll, ring->socket.fd) == 0;
  if (!ok) return false;
  ring->poll.data = ring;
  ring->is_polling = true;
  ring->is_loop_done = false;
  return napi_add_async_cleanup_hook(env, OnCleanup, ring, &ring->cleanup_hook) == napi_ok &&
         uv_poll_start(&ring->poll, UV_READABLE, OnPoll) == 0;
}

// open(options, onBlock, onError): the ring, or an Error with a code.
napi_value Open(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], object;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  RingOptions options;
  napi_valuetype types[2] = {napi_undefined, napi_undefined};
  for (int i = 0; i < 2 && count == 3; i++) napi_typeof(env, arguments[i + 1], &types[i]);
  if (types[0] != napi_function || types[1] != napi_function || !ReadOptions(env, arguments[0], &options) ||
      !AreInRange(options))
    return Throw(env, "EINVAL", "an option of the ring is missing or out of range");
  Ring* ring = new Ring();
  ring->env = env;
  ring->block_bytes = options.block_bytes;
  ring->block_count = options.block_count;
  picket::RingError error;
  if (!picket::OpenRing(options, &ring->socket, &error)) {
    delete ring;
    return Throw(env, error.error_number == 0 ? "EFILTER" : uv_err_name(-error.error_number), error.message);
  }
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, ring, OnCollected, nullptr, nullptr) != napi_ok) {
    picket::CloseRing(&ring->socket);
    delete ring;
    return Throw(env, "ENOMEM", "the ring cannot be handed to javascript");
  }
  if (napi_type_tag_object(env, object, &kRingTag) != napi_ok || !Register(env, ring, &arguments[1], object)) {
    Close(ring);
    return Throw(env, "ENOMEM", "the ring cannot be handed to javascript");
  }
  SetNumber(env, object, "interfaceIndex", ring->socket.facts.index);
  SetNumber(env, object, "hardwareType", ring->socket.facts.hardware_type);
  SetFlag(env, object, "isCooked", ring->socket.is_cooked);
  return object;
}

Ring* RingOf(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value object;
  void* data = nullptr;
  bool is_ring = false;
  napi_valuetype type = napi_undefined;
  napi_get_cb_info(env, info, &count, &object, nullptr, nullptr);
  if (count < 1 || napi_typeof(env, object, &type) != napi_ok || type != napi_object) return nullptr;
  if (napi_check_object_type_tag(env, object, &kRingTag, &is_ring) != napi_ok || !is_ring) return nullptr;
  return napi_unwrap(env, object, &data) == napi_ok ? static_cast<Ring*>(data) : nullptr;
}

// close(ring): may be called again, and from within a callback.
napi_value CloseHandle(napi_env env, napi_callback_info info) {
  Ring* ring = RingOf(env, info);
  if (ring == nullptr) return Throw(env, "EINVAL", "this is no ring");
  Close(ring);
  return nullptr;
}

// statistics(ring): counts since the last call; undefined for a closed ring.
napi_value Statistics(napi_env env, napi_callback_info info) {
  Ring* ring = RingOf(env, info);
  if (ring == nullptr) return Throw(env, "EINVAL", "this is no ring");
  picket::RingStatistics counts;
  if (!picket::ReadStatistics(ring->socket, &counts)) return nullptr;
  napi_value object;
  napi_create_object(env, &object);
  SetNumber(env, object, "packets", counts.packets);
  SetNumber(env, object, "drops", counts.drops);
  SetNumber(env, object, "freezes", counts.freezes);
  return object;
}

// interfaceFacts(name): what the system says of an interface now.
napi_value InterfaceFacts(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, object;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  char name[64] = "";
  size_t length = 0;
  if (count == 1) napi_get_value_string_utf8(env, argument, name, sizeof name, &length);
  const picket::InterfaceFacts facts = picket::ReadInterface(std::string(name, length));
  napi_create_object(env, &object);
  SetNumber(env, object, "index", facts.index);
  SetFlag(env, object, "exists", facts.exists);
  SetFlag(env, object, "isUp", facts.is_up);
  return object;
}

// endProcess(code): ends at once, without waiting for any thread.
napi_value EndProcess(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t code = 1;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (count == 1) napi_get_value_int32(env, argument, &code);
  _exit(code);
}

// confine(): throws an Error with a code where the kernel cannot.
napi_value Confine(napi_env env, napi_callback_info) {
  const int error = picket::ConfineProcess();
  if (error != 0) Throw(env, uv_err_name(-error), "the kernel cannot confine this process");
  return nullptr;
}

bool ReadStrings(napi_env env, napi_value array, std::vector<std::string>* out) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) return false;
  for (uint32_t i = 0; i < length; i++) {
    napi_value element, holder;
    out->emplace_back();
    if (napi_get_element(env, array, i, &element) != napi_ok || napi_create_object(env, &holder) != napi_ok ||
        napi_set_named_property(env, holder, "text", element) != napi_ok ||
        !ReadString(env, holder, "text", &out->back()))
      return false;
  }
  return length > 0;
}

// replaceProcess([file, ...arguments]): this process becomes another program with
// the same standard input and output; returns only by an Error with a code.
napi_value ReplaceProcess(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  std::vector<std::string> words;
  if (count < 1 || !ReadStrings(env, argument, &words)) return Throw(env, "EINVAL", "no program to become");
  std::vector<char*> pointers;
  for (std::string& each : words) pointers.push_back(&each[0]);
  pointers.push_back(nullptr);
  // Node.js clears close-on-exec of these only in children it spawns.
  for (int fd = 0; fd <= 2; fd++) fcntl(fd, F_SETFD, 0);
  execv(pointers[0], pointers.data());
  return Throw(env, uv_err_name(-errno), "the program cannot be started");
}

void SetFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  SetFunction(env, exports, "open", Open);
  SetFunction(env, exports, "close", CloseHandle);
  SetFunction(env, exports, "statistics", Statistics);
  SetFunction(env, exports, "interfaceFacts", InterfaceFacts);
  SetFunction(env, exports, "endProcess", EndProcess);
  SetFunction(env, exports, "confine", Confine);
  SetFunction(env, exports, "replaceProcess", ReplaceProcess);
  return exports;
}
