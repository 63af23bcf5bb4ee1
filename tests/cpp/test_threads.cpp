#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bits/cgroup.hpp"
#include "oracle.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"

using namespace randprop;

TEST_CASE("every chunk runs once, whatever the number of threads") {
  for (const int n_threads : {0, 1, 2, 5, 64}) {
    for (const std::size_t n_chunks : {0U, 1U, 2U, 100U}) {
      std::vector<std::atomic<int>> runs(n_chunks);
      const int workers = n_chunks == 0 ? 1 : worker_count(n_chunks, {n_threads, {}});
      parallel_chunks(n_chunks, {n_threads, {}}, [&](std::size_t chunk, int worker) {
        ++runs[chunk];
        if (worker < 0 || worker >= workers) {
          ++runs[chunk];
        }
      });
      for (const auto& count : runs) {
        CHECK(count == 1);
      }
    }
  }
}

TEST_CASE("scratch is made once for each worker, and no two share it") {
  for (const int n_threads : {0, 1, 3}) {
    for (const std::size_t n_chunks : {0U, 1U, 200U}) {
      struct Scratch {
        std::unique_ptr<int> owned;  // moves only
        std::atomic<int>* in_use;
      };
      std::vector<std::unique_ptr<std::atomic<int>>> counters;
      std::vector<std::atomic<int>> runs(n_chunks);
      std::atomic<int> shared{0};
      parallel_chunks(
          n_chunks, {n_threads, {}},
          [&] {
            counters.push_back(std::make_unique<std::atomic<int>>(0));
            return Scratch{std::make_unique<int>(0), counters.back().get()};
          },
          [&](std::size_t chunk, Scratch& scratch) {
            if (++*scratch.in_use != 1) {
              ++shared;
            }
            std::this_thread::sleep_for(std::chrono::microseconds(20));  // others come in now
            ++*scratch.owned;
            ++runs[chunk];
            --*scratch.in_use;
          });
      CHECK(shared == 0);
      CHECK(counters.size() == static_cast<std::size_t>(worker_count(n_chunks, {n_threads, {}})));
      for (const auto& count : runs) {
        CHECK(count == 1);
      }
    }
  }
}

TEST_CASE("an exception of a body reaches the caller and stops the rest") {
  std::atomic<int> ran{0};
  const auto body = [&](std::size_t chunk, int) {
    ++ran;
    if (chunk == 3) {
      throw std::out_of_range("three");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  CHECK_THROWS_AS(parallel_chunks(100000, {3, {}}, body), std::out_of_range);
  CHECK(ran < 1000);
}

TEST_CASE("the callback is asked on the calling thread only, and ends the run") {
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> elsewhere{false};
  RunOptions options;
  options.n_threads = 3;
  options.interrupted = [&] {
    if (std::this_thread::get_id() != caller) {
      elsewhere = true;
    }
    return true;
  };
  const auto slow = [](std::size_t, int) {
    for (int i = 0; i < 200; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      poll_interrupt();
    }
  };
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(parallel_chunks(1000, options, slow), Interrupted);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  CHECK_FALSE(elsewhere);
  CHECK_THROWS_AS(parallel_chunks(1, options, slow), Interrupted);
  CHECK_NOTHROW(poll_interrupt());
}

// The thread sanitizer, under which this runs too, sees whether weights that one thread prepared
// are published to the others.
TEST_CASE("threads that share a network prepare it at once") {
  const std::vector<std::uint8_t> x(std::size_t{3} * 90, 7);
  for (int round = 0; round < 20; ++round) {
    const Network network(
        oracle::dense_spec(90, {70, 40}, 4, Activation::sign, static_cast<std::uint64_t>(round)));
    const auto expected = oracle::bits_of(
        Network(network.spec()).propagate(ByteView{x.data(), 3, 90}, 0, 2, Keep::last));
    std::atomic<int> same{0};
    oracle::at_once(4, [&](std::size_t) {
      for (int again = 0; again < 3; ++again) {
        const auto found =
            oracle::bits_of(network.propagate(ByteView{x.data(), 3, 90}, 0, 2, Keep::last));
        bool equal = true;
        for (std::size_t s = 0; s < 3; ++s) {
          equal = equal && found[0].row(s)[0] == expected[0].row(s)[0];
        }
        same += equal ? 1 : 0;
      }
    });
    CHECK(same == 12);
  }
}

TEST_CASE("there is a CPU") { CHECK(available_cpus() >= 1); }

namespace {

namespace fs = std::filesystem;

// Files by their paths, in a folder that goes away.
class FakeSystem {
 public:
  explicit FakeSystem(const std::vector<std::pair<std::string, std::string>>& files)
      : root_(fs::temp_directory_path() /
              ("randprop-cgroup-" +
               std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()))) {
    for (const auto& [path, text] : files) {
      fs::create_directories((root_ / path).parent_path());
      std::ofstream(root_ / path) << text;
    }
  }
  ~FakeSystem() { fs::remove_all(root_); }
  FakeSystem(const FakeSystem&) = delete;
  FakeSystem& operator=(const FakeSystem&) = delete;

  int cpus() const { return cgroup_cpus((root_ / "self").string(), (root_ / "fs").string()); }

 private:
  fs::path root_;
};

int cpus_of(const std::vector<std::pair<std::string, std::string>>& files) {
  return FakeSystem(files).cpus();
}

}  // namespace

TEST_CASE("a control group's quota is the least of all groups above, rounded up") {
  const std::string own = "0::/a/b\n";
  CHECK(cpus_of({{"self", own}, {"fs/a/b/cpu.max", "400000 100000\n"}}) == 4);
  CHECK(cpus_of({{"self", own}, {"fs/a/b/cpu.max", "150000 100000\n"}}) == 2);
  CHECK(cpus_of({{"self", own}, {"fs/a/b/cpu.max", "1000 100000\n"}}) == 1);
  CHECK(cpus_of({{"self", own}, {"fs/a/b/cpu.max", "max 100000\n"}}) == 0);
  CHECK(cpus_of({{"self", own},
                 {"fs/a/b/cpu.max", "max 100000\n"},
                 {"fs/a/cpu.max", "300000 100000\n"},
                 {"fs/cpu.max", "800000 100000\n"}}) == 3);
  CHECK(cpus_of({{"self", own}, {"fs/unified/a/cpu.max", "200000 100000\n"}}) == 2);
  // A container that sees the host's path, or one outside of what is mounted.
  CHECK(cpus_of({{"self", "0::/docker/0123\n"}, {"fs/cpu.max", "200000 100000\n"}}) == 2);
  CHECK(cpus_of({{"self", "0::/../x\n"}, {"x/cpu.max", "1 1\n"}, {"fs/cpu.max", "2 1\n"}}) == 2);
  // Version 1, under the names that its folder has.
  for (const std::string name : {"cpu", "cpu,cpuacct"}) {
    const std::string folder = "fs/" + name + "/a/";
    CHECK(cpus_of({{"self", "7:memory:/m\n4:cpu,cpuacct:/a\n"},
                   {folder + "cpu.cfs_quota_us", "250000\n"},
                   {folder + "cpu.cfs_period_us", "100000\n"}}) == 3);
    CHECK(cpus_of({{"self", "4:cpu,cpuacct:/a\n"},
                   {folder + "cpu.cfs_quota_us", "-1\n"},
                   {folder + "cpu.cfs_period_us", "100000\n"}}) == 0);
  }
  // The controllers cpuset and cpuacct are others.
  CHECK(cpus_of({{"self", "4:cpuset:/a\n5:cpuacct:/a\n"},
                 {"fs/cpu/a/cpu.cfs_quota_us", "250000\n"},
                 {"fs/cpu/a/cpu.cfs_period_us", "100000\n"}}) == 0);
}

TEST_CASE("absent and strange files of control groups are no quota") {
  CHECK(cpus_of({}) == 0);
  CHECK(cpus_of({{"self", "0::/a\n"}}) == 0);
  for (const std::string text :
       {"", "\n", " ", "max", "100000", "0 100000", "100000 0", "-5 100000", "1e5 100000",
        "100000 100000 1", "99999999999999999999 1", "x y"}) {
    CHECK(cpus_of({{"self", "0::/a\n"}, {"fs/a/cpu.max", text}}) == 0);
  }
  CHECK(cpus_of({{"self", "0::/a\n"}, {"fs/a/cpu.max", "999999999999999999 1"}}) == 2147483647);
  CHECK(cpus_of({{"self", "0::/a\n"}, {"fs/a/cpu.max", std::string(100000, '1')}}) == 0);
  for (const std::string text : {"", "\n\n", "0", "0:", "0::", "0::a", ":::", "::/", "/"}) {
    CHECK(cpus_of({{"self", text}, {"fs/a/cpu.max", "1 1\n"}}) == 0);
  }
  CHECK(cpus_of({{"self", std::string(1000000, '0')}, {"fs/cpu.max", "1 1\n"}}) == 0);
  // A folder in place of a file.
  CHECK(cpus_of({{"self", "0::/a\n"}, {"fs/a/cpu.max/x", "1 1\n"}}) == 0);
}
