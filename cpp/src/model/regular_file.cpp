#include "model/regular_file.hpp"

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cerrno>
#include <ios>
#include <system_error>

#include "bits/windows.hpp"
#include "randprop/model.hpp"

namespace randprop {
namespace {

constexpr std::size_t max_read = std::size_t{1} << 30;

struct Opened {
  std::intptr_t file;
  bool regular;
  std::uint64_t size;
};

// What the systems differ in. Each throws std::ios_base::failure where the system says no.
#if defined(_WIN32)

HANDLE handle_of(std::intptr_t file) { return reinterpret_cast<HANDLE>(file); }

[[noreturn]] void fail_to_read(const std::string& path) {
  throw std::ios_base::failure(
      path, std::error_code(static_cast<int>(GetLastError()), std::system_category()));
}

std::wstring wide(const std::string& path) {
  const auto n = static_cast<int>(std::min<std::size_t>(path.size(), 1U << 20));
  const auto convert = [&](wchar_t* to, int room) {
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), n, to, room);
  };
  std::wstring text(static_cast<std::size_t>(convert(nullptr, 0)), L'\0');
  if (convert(text.data(), static_cast<int>(text.size())) == 0) {
    fail_to_read(path);
  }
  return text;
}

void close(std::intptr_t file) { CloseHandle(handle_of(file)); }

Opened open(const std::string& path) {
  // Others may go on writing, as elsewhere. A folder opens with the last flag alone.
  constexpr DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  const HANDLE handle = CreateFileW(wide(path).c_str(), GENERIC_READ, share, nullptr, OPEN_EXISTING,
                                    FILE_FLAG_BACKUP_SEMANTICS, nullptr);
  if (handle == INVALID_HANDLE_VALUE) {
    fail_to_read(path);
  }
  const auto file = reinterpret_cast<std::intptr_t>(handle);
  if (GetFileType(handle) != FILE_TYPE_DISK) {
    return {file, false, 0};
  }
  BY_HANDLE_FILE_INFORMATION about = {};
  if (GetFileInformationByHandle(handle, &about) == 0) {
    const DWORD error = GetLastError();
    close(file);
    SetLastError(error);
    fail_to_read(path);
  }
  return {file, (about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0,
          std::uint64_t{about.nFileSizeHigh} << 32 | about.nFileSizeLow};
}

std::size_t read_once(std::intptr_t file, const std::string& path, std::uint8_t* out,
                      std::size_t n) {
  DWORD got = 0;
  if (ReadFile(handle_of(file), out, static_cast<DWORD>(n), &got, nullptr) == 0) {
    fail_to_read(path);
  }
  return got;
}

#else

[[noreturn]] void fail_to_read(const std::string& path) {
  throw std::ios_base::failure(path, std::error_code(errno, std::generic_category()));
}

void close(std::intptr_t file) { ::close(static_cast<int>(file)); }

Opened open(const std::string& path) {
  // Without O_NONBLOCK the opening of a FIFO waits for one who writes.
  const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // NOLINT(*-vararg)
  if (file < 0) {
    fail_to_read(path);
  }
  struct stat about = {};
  if (::fstat(file, &about) != 0) {
    const int error = errno;
    close(file);
    errno = error;
    fail_to_read(path);
  }
  return {file, S_ISREG(about.st_mode), static_cast<std::uint64_t>(about.st_size)};
}

std::size_t read_once(std::intptr_t file, const std::string& path, std::uint8_t* out,
                      std::size_t n) {
  while (true) {
    const auto got = ::read(static_cast<int>(file), out, n);
    if (got >= 0) {
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) {
      fail_to_read(path);
    }
  }
}

#endif

// Nothing where the file may be read.
const char* why_not(const Opened& opened) {
  if (!opened.regular) {
    return "not a regular file";
  }
  if (opened.size > max_file) {
    return "the file has more than 2^40 bytes";
  }
  if (static_cast<std::size_t>(opened.size) != opened.size) {
    return "the file has more bytes than this machine can address";
  }
  return nullptr;
}

}  // namespace

RegularFile::RegularFile(const std::string& path) : path_(path) {
  const Opened opened = open(path_);
  if (const char* reason = why_not(opened)) {
    close(opened.file);
    throw ModelError(reason);
  }
  file_ = opened.file;
  size_ = static_cast<std::size_t>(opened.size);
}

RegularFile::~RegularFile() { close(file_); }

std::size_t RegularFile::read_some(std::uint8_t* out, std::size_t n) {
  return read_once(file_, path_, out, std::min(n, max_read));
}

void RegularFile::read(std::uint8_t* out, std::size_t n) {
  while (n != 0) {
    const std::size_t got = read_some(out, n);
    if (got == 0) {
      throw ModelError("the file is cut short, or not a safetensors file");
    }
    out += got;
    n -= got;
  }
}

void RegularFile::expect_end() {
  std::uint8_t more = 0;
  if (read_some(&more, 1) != 0) {
    throw ModelError("it grew while it was read");
  }
}

}  // namespace randprop
