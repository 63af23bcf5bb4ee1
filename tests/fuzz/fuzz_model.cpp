// libFuzzer target: whatever bytes a model file holds, Model::parse refuses them or makes a model
// that predicts without touching a byte out of bounds. The stored sum is set right first: it would
// keep the fuzzer from getting any further.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "model/json.hpp"
#include "randprop/model.hpp"

namespace {

std::uint32_t crc32(std::uint32_t state, const std::string& bytes) {
  for (const char c : bytes) {
    state ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      state = state >> 1 ^ ((state & 1U) != 0 ? 0xEDB88320U : 0U);
    }
  }
  return state;
}

// Replaces the eight digits in front of the description by the sum that the reader computes.
std::string with_right_sum(std::string file) {
  namespace json = randprop::json;
  const std::string key = "\"randprop\":\"";
  const std::size_t start = file.find(key);
  std::uint64_t size = 0;
  if (file.size() < 8 || start == std::string::npos || start + key.size() + 9 > file.size()) {
    return file;
  }
  std::memcpy(&size, file.data(), sizeof size);
  if (size > file.size() - 8) {
    return file;
  }
  try {
    const std::string body = file.substr(8 + static_cast<std::size_t>(size));
    const json::Value header = json::parse(file.substr(8, static_cast<std::size_t>(size)));
    const std::string& text = header.at("__metadata__").at("randprop").text;
    std::uint32_t sum = crc32(0xFFFFFFFFU, text.size() > 9 ? text.substr(9) : "");
    for (const auto& [name, entry] : header.object()) {
      if (name != "__metadata__") {
        const auto& offsets = entry.at("data_offsets").array();
        if (offsets.size() != 2) {
          return file;
        }
        const std::size_t first = offsets[0].as_size("first", body.size());
        const std::size_t last = offsets[1].as_size("last", body.size());
        sum = crc32(sum, first < last ? body.substr(first, last - first) : "");
      }
    }
    for (std::size_t i = 0; i < 8; ++i) {
      file[start + key.size() + i] = "0123456789abcdef"[~sum >> (28 - 4 * i) & 15U];
    }
  } catch (const json::Error&) {
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string raw(reinterpret_cast<const char*>(data), size);
  for (const std::string& file : {raw, with_right_sum(raw)}) {
    try {
      const auto model = randprop::Model::parse(file.data(), file.size());
      const std::size_t n_names = model.feature_names().size();
      if (model.labels().empty() || (n_names != 0 && n_names != model.n_features())) {
        __builtin_trap();
      }
      std::size_t work = 0;
      for (std::size_t m = 0; m < model.network().n_stages(); ++m) {
        work += model.network().shape(m).n_inputs * model.network().shape(m).n_outputs;
        if (work > 150'000) {
          break;
        }
      }
      if (work <= 150'000) {
        // What is mapped first and what is mapped by the model are the same.
        const std::vector<double> features(3 * model.n_features(), 77.5);
        std::vector<std::uint8_t> x(features.size());
        model.to_bytes(features.data(), features.size(), x.data());
        randprop::RunOptions options;
        options.n_threads = 1;
        const auto found = model.predict({x.data(), 3, model.n_features()}, options);
        if (found != model.predict(features.data(), 3, options)) {
          __builtin_trap();
        }
        for (const std::size_t position : found) {
          if (position >= model.labels().size()) {
            __builtin_trap();
          }
        }
      }
    } catch (const randprop::ModelError&) {
    }
  }
  return 0;
}
