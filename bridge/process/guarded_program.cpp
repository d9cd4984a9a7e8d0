#include "bridge/process/guarded_program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <utility>

#include "bridge/process/group_records.hpp"

namespace baton {

namespace {

using guard_wire::word;
using manner = program_end::manner;
using std::chrono::milliseconds;

/// How often what a killed guard left behind is looked for, until nothing is found.
constexpr milliseconds sweep_every{20};
/// How long after the end of all processes their pipes may stay open, held by a stranger who was handed one.
constexpr milliseconds drain_patience{1000};

int number_in(std::string_view text) {
  int n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

} // namespace

struct guarded_program::pending_write {
  uv_write_t request{};
  std::string bytes;
  guarded_program* of = nullptr;
};

struct guarded_program::pipes {
  pipe_ends in, out, err, lease, status;

  /// 0, or an errno.
  [[nodiscard]] int make() {
    for (auto* each : {&in, &out, &err, &lease, &status}) {
      auto made = make_pipe();
      if (!made) return made.error();
      *each = std::move(*made);
    }
    return 0;
  }
};

namespace {

launch_order guard_order(const guarded_order& order, int lease, int status) {
  const auto number = [](auto n) { return std::to_string(n); };
  launch_order l{.command = {order.guard.string(), "--lease-fd", number(lease), "--lease-ms",
                     number(order.lease.count()), "--memory", number(order.memory_max), "--status-fd", number(status),
                     "--record", order.record.string()},
      .environment = order.environment,
      .folder = order.folder,
      .keep = {lease, status}};
  if (order.lease_end) {
    l.command.insert(l.command.end(), {"--lease-ends-ms", number(order.lease_end->time_since_epoch().count())});
  }
  l.command.emplace_back("--");
  l.command.insert(l.command.end(), order.command.begin(), order.command.end());
  return l;
}

} // namespace

guarded_program::guarded_program(event_loop& on, program_listener& to)
    : loop_(on), listener_(to), overdue_(on, [this] { on_overdue(); }) {}

guarded_program::~guarded_program() {
  // Its watch goes before the descriptor that it watches.
  guard_watch_.reset();
}

int guarded_program::start(const guarded_order& order) {
  settle_ = order.settle;
  record_ = order.record;
  pipes p;
  if (const int failure = p.make(); failure != 0) return failure;
  if (const int failure = open_streams(p); failure != 0) return failure;
  auto l = guard_order(order, p.lease.read.get(), p.status.write.get());
  l.in = p.in.read.get();
  l.out = p.out.write.get();
  l.err = p.err.write.get();
  auto child = launch(l);
  if (!child) return child.error();
  guard_ = std::move(*child);
  watch_guard();
  read_from(output_);
  read_from(errors_);
  read_from(status_);
  return 0;
}

int guarded_program::open_streams(pipes& from) {
  lease_ = std::move(from.lease.write);
  ::fcntl(lease_.get(), F_SETFL, O_NONBLOCK);
  int failure = open_stream(input_, std::move(from.in.write));
  if (failure == 0) failure = open_stream(output_, std::move(from.out.read));
  if (failure == 0) failure = open_stream(errors_, std::move(from.err.read));
  if (failure == 0) failure = open_stream(status_, std::move(from.status.read));
  return failure;
}

int guarded_program::open_stream(uv_owned<uv_pipe_t>& into, unique_fd fd) {
  into.reset(new uv_pipe_t);
  ::uv_pipe_init(loop_.loop(), into.get(), 0);
  into->data = this;
  const int failure = ::uv_pipe_open(into.get(), fd.get());
  if (failure != 0) return -failure;
  (void)fd.release();
  return 0;
}

void guarded_program::watch_guard() {
  guard_watch_.reset(new uv_poll_t);
  ::uv_poll_init(loop_.loop(), guard_watch_.get(), guard_.watch.get());
  guard_watch_->data = this;
  ::uv_poll_start(guard_watch_.get(), UV_READABLE,
      [](uv_poll_t* p, int, int) { static_cast<guarded_program*>(p->data)->guard_ended(); });
}

void guarded_program::read_from(uv_owned<uv_pipe_t>& pipe) {
  if (!pipe) return;
  const auto room = [](uv_handle_t* h, std::size_t, uv_buf_t* into) {
    *into = static_cast<guarded_program*>(h->data)->loop_.read_buffer();
  };
  const auto read = [](uv_stream_t* s, ssize_t size, const uv_buf_t* bytes) {
    static_cast<guarded_program*>(s->data)->heard(reinterpret_cast<uv_pipe_t*>(s), size, *bytes);
  };
  ::uv_read_start(as_stream(pipe), room, read);
}

void guarded_program::heard(uv_pipe_t* from, ssize_t size, const uv_buf_t& bytes) {
  if (size == 0) return;
  if (size < 0) return closed(from == output_.get() ? output_ : from == errors_.get() ? errors_ : status_);
  const std::string_view text{bytes.base, static_cast<std::size_t>(size)};
  if (from == output_.get()) return listener_.output(text);
  if (from == errors_.get()) return listener_.errors(text);
  hear_status(text);
}

void guarded_program::closed(uv_owned<uv_pipe_t>& pipe) {
  const bool was_output = &pipe == &output_;
  pipe.reset();
  if (was_output) listener_.output_closed();
  end_if_all_is_done();
}

void guarded_program::hear_status(std::string_view bytes) {
  status_text_ += bytes;
  for (std::size_t end = 0; (end = status_text_.find('\n')) != std::string::npos;) {
    const auto line = status_text_.substr(0, end);
    status_text_.erase(0, end + 1);
    hear_line(line);
  }
  end_if_all_is_done();
}

void guarded_program::hear_line(std::string_view line) {
  const auto space = line.find(' ');
  const auto what = guard_wire::parse<word>(guard_wire::words, line.substr(0, space));
  const auto with = space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
  if (!what) return;
  switch (*what) {
  case word::started: break;
  case word::not_started:
    end_.how = manner::not_started;
    end_.number = number_in(with);
    break;
  case word::exited:
  case word::signalled:
    end_.how = *what == word::exited ? manner::exited : manner::signalled;
    end_.number = number_in(with);
    break;
  case word::killed: end_.killed_for = guard_wire::parse<guard_wire::cause>(guard_wire::causes, with); break;
  case word::gone:
    gone_ = true;
    overdue_.set(drain_patience);
    break;
  }
}

void guarded_program::write(std::string bytes) {
  if (!input_ || input_ends_) return;
  auto pending = std::make_unique<pending_write>(pending_write{{}, std::move(bytes), this});
  pending->request.data = pending.get();
  const auto buffer = ::uv_buf_init(pending->bytes.data(), static_cast<unsigned>(pending->bytes.size()));
  const auto done = [](uv_write_t* request, int status) {
    const std::unique_ptr<pending_write> finished{static_cast<pending_write*>(request->data)};
    // Cancelled: the pipe was given up, perhaps together with the object that wrote.
    if (status == UV_ECANCELED) return;
    // A program that does not listen is no failure; what it does about that counts.
    auto& self = *finished->of;
    if (--self.writes_ == 0 && self.input_ends_) self.input_.reset();
  };
  if (::uv_write(&pending->request, as_stream(input_), &buffer, 1, done) != 0) return;
  ++writes_;
  (void)pending.release();
}

void guarded_program::close_input() {
  input_ends_ = true;
  if (writes_ == 0) input_.reset();
}

void guarded_program::pause() {
  paused_ = true;
  if (output_) ::uv_read_stop(as_stream(output_));
}

void guarded_program::resume() {
  if (!std::exchange(paused_, false)) return;
  read_from(output_);
  if (gone_) overdue_.set(drain_patience);
  end_if_all_is_done();
}

void guarded_program::tell_guard(std::string_view bytes) {
  // All or nothing, being so few. A pipe that is full belongs to a guard that stands still; its lease ends by that.
  (void)!::write(lease_.get(), bytes.data(), bytes.size());
}

void guarded_program::renew(monotonic_instant lease_end) { tell_guard(guard_wire::renewal(lease_end)); }

void guarded_program::terminate() {
  end_.told_to_end = true;
  tell_guard({&guard_wire::terminate, 1});
}

void guarded_program::kill() {
  if (std::exchange(killed_, true)) return;
  end_.told_to_end = true;
  tell_guard({&guard_wire::kill, 1});
  if (gone_) {
    overdue_.set(milliseconds{0});
  } else {
    overdue_.set(settle_);
  }
}

void guarded_program::guard_ended() {
  if (!collect(guard_)) return;
  collected_ = true;
  guard_watch_.reset();
  end_if_all_is_done();
}

void guarded_program::on_overdue() {
  if (!gone_) {
    sweep();
  } else if (!paused_) {
    errors_.reset();
    if (output_) {
      output_.reset();
      listener_.output_closed();
    }
  }
  end_if_all_is_done();
}

/// The guard was killed, or does nothing: what it guarded is found by its record, and killed until nothing is left.
void guarded_program::sweep() {
  if (end_.how == manner::unknown) end_.how = manner::guard_lost;
  const auto record = read_group_record(record_).value_or(group_record{boot_id(), guard_.key, {}});
  if (kill_what_runs_of(record, to_guard::kill) > 0) return overdue_.set(sweep_every);
  ::unlink(record_.c_str());
  gone_ = true;
  overdue_.set(drain_patience);
}

void guarded_program::end_if_all_is_done() {
  if (told_) return;
  if (collected_ && !gone_ && !status_ && !overdue_.is_set()) sweep();
  const bool drained = killed_ || (!paused_ && !output_ && !errors_);
  if (!gone_ || !collected_ || !drained) return;
  told_ = true;
  overdue_.stop();
  listener_.ended(end_);
}

} // namespace baton
