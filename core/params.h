/// Parameters as they stand in a query, a form body or a JSON object: found one by one, decoded on demand,
/// compared without being decoded into memory. Allocates nothing: what must be kept goes into memory that the
/// caller gives.
#ifndef TOKENGATE_PARAMS_H_
#define TOKENGATE_PARAMS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tokengate {

enum class Encoding : uint8_t {
  kPlain,      ///< as it stands
  kForm,       ///< `%XX` and `+` (application/x-www-form-urlencoded)
  kLooseForm,  ///< the same, and a `%` without two hexadecimal digits stands for itself
  kJson,       ///< a string's inside, escaped; read_json() has accepted it
};

/// Text that is still encoded.
struct Encoded {
  std::string_view raw;
  Encoding encoding = Encoding::kPlain;
};

/// Decodes byte by byte.
class Decoder {
 public:
  static constexpr int kEnd = -1;
  static constexpr int kInvalid = -2;  ///< not well encoded; nothing can be read after it

  explicit Decoder(Encoded text) noexcept : text_(text) {}
  /// The next byte, 0 to 255; or kEnd; or kInvalid.
  int next() noexcept;

 private:
  int next_form() noexcept;
  int next_json() noexcept;
  unsigned read_unit() noexcept;

  Encoded text_;
  size_t at_ = 0;
  unsigned char pending_[3] = {};  // the last bytes of a character that a JSON escape stands for
  unsigned pending_count_ = 0;
};

/// FNV-1a of the decoded bytes, up to the first that is not well encoded. For telling names apart where
/// taking two for one could only refuse a request.
uint64_t hash_of(Encoded text) noexcept;

/// Whether both are well encoded and decode to the same bytes.
bool decodes_alike(Encoded a, Encoded b) noexcept;

/// The working memory of one request. Text decoded from outside takes memory; text that already lies in it is
/// decoded in place, as decoding never makes it longer. So as much memory as there is text from outside is
/// enough, however many layers there are. What was decoded in place is overwritten.
class Scratch {
 public:
  explicit Scratch(std::span<char> memory) noexcept : memory_(memory) {}
  /// The decoded text; nothing if it is not well encoded, or if the memory does not suffice.
  std::optional<std::string_view> decode(Encoded text) noexcept;

 private:
  bool holds(std::string_view text) const noexcept;

  std::span<char> memory_;
  size_t used_ = 0;
};

/// Walks the parameters of form text: pieces between `&`, each cut at its first `=`. Empty pieces are
/// skipped.
class FormItems {
 public:
  explicit FormItems(std::string_view text) noexcept : rest_(text) {}
  /// The next piece, raw; false after the last. `*piece` is all of it, `*name` and `*value` its two sides.
  bool next(std::string_view* piece, std::string_view* name, std::string_view* value) noexcept;

 private:
  std::string_view rest_;
};

/// A parameter's name, looked at as a strict backend sees it and as lax ones may.
class ParamName {
 public:
  explicit ParamName(Encoded name) noexcept;

  /// Decoded; empty if longer than any name that matters.
  std::string_view exact() const noexcept { return {exact_, exact_size_}; }
  uint64_t hash() const noexcept { return hash_of({exact(), Encoding::kPlain}); }
  /// Something is wrong in it, whatever it names: bad encoding; a control character; percent-encoding that is
  /// still there after decoding, which a second decoding would turn into another name; or bytes that are not
  /// ASCII, which backends may fold into ASCII (overlong UTF-8, a Kelvin sign for K, full-width letters).
  bool malformed() const noexcept { return malformed_; }

  /// Whether a lax backend could take it for `letters` (lower case letters and digits alone). Backends are
  /// known to fold case, to read `.`, `-`, `[` and blanks as `_`, to trim, to cut at `]` or NUL, and to take
  /// `x[]` or `x[0]` for `x`: so only letters and digits count here, up to any bracket, with or without a
  /// last number.
  bool resembles(std::string_view letters) const noexcept;
  /// Whether its letters and digits begin with `letters`.
  bool resembles_start_of(std::string_view letters) const noexcept { return core().starts_with(letters); }

 private:
  static constexpr size_t kMaxBytes = 48;

  std::string_view core() const noexcept { return {core_, core_size_}; }

  char exact_[kMaxBytes] = {};
  char core_[kMaxBytes] = {};  // the letters and digits, in lower case
  size_t exact_size_ = 0;
  size_t core_size_ = 0;
  size_t core_before_open_ = SIZE_MAX;   // of these, how many stand before the first `[`; SIZE_MAX: no `[`
  size_t core_before_close_ = SIZE_MAX;  // before the first `]` or NUL
  bool core_complete_ = true;
  bool malformed_ = false;
};

}  // namespace tokengate

#endif  // TOKENGATE_PARAMS_H_
