{
  "targets": [
    {
      "target_name": "ring",
      "sources": ["addon.cc", "confinement.cc", "packet-filter.cc", "packet-ring.cc"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wno-missing-field-initializers"],
      "libraries": ["-lpcap"]
    }
  ]
}
