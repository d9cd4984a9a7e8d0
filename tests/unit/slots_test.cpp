#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/supervisor/slots.hpp"
#include "actors/supervisor/tenant_labels.hpp"

using namespace baton;
using namespace baton::supervisor;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

namespace {

execution_id id_of(std::string_view name) { return execution_id::parse(name).value(); }

/// Slots and a clock that is set by hand.
struct desk {
  explicit desk(slot_terms terms) : slots{std::move(terms)} {}

  void want(std::string_view name, claim on = {}) { slots.want(id_of(name), on, now); }
  void free(std::string_view name) { slots.free(id_of(name), now); }
  void after(milliseconds time) { now += time; }
  strings granted() {
    strings names;
    while (auto execution = slots.grant(now)) {
      slots.launched(*execution, now);
      names.push_back(execution->text());
    }
    return names;
  }
  strings asked(bool could_start = true) {
    strings names;
    for (const auto& execution : slots.to_yield(now, could_start)) names.push_back(execution.text());
    return names;
  }

  supervisor::slots slots;
  monotonic_instant now{1h};
};

claim of(std::string tenant, std::uint8_t priority = 0) { return {std::move(tenant), priority, standing::steady}; }
claim that_is(standing s, std::string tenant = {}) { return {std::move(tenant), 0, s}; }
constexpr auto shaken = standing::shaken;
constexpr auto suspect = standing::suspect;

} // namespace

TEST_CASE("equals are served in the order in which they came, as many as there are slots", "[slots]") {
  desk d{{.most = 2}};
  for (const auto* name : {"a", "b", "c", "d"}) d.want(name);
  CHECK(d.granted() == strings{"a", "b"});
  CHECK(d.slots.used() == 2);
  CHECK(d.slots.waiting() == 2);
  d.free("a");
  CHECK(d.granted() == strings{"c"});
  d.free("d");
  d.free("b");
  CHECK(d.granted().empty());
  CHECK(d.slots.used() == 1);
}

TEST_CASE("a wish that is told twice counts once, and what nobody knows is not freed", "[slots]") {
  desk d{{.most = 3}};
  d.want("a");
  d.want("a");
  d.free("nobody");
  CHECK(d.granted() == strings{"a"});
  d.free("a");
  d.free("a");
  CHECK(d.slots.used() == 0);
  CHECK(d.slots.tenants() == 0);
}

TEST_CASE("within a tenant higher priorities go first, but not for ever", "[slots]") {
  desk d{{.most = 1}};
  d.want("runs");
  CHECK(d.granted() == strings{"runs"});
  d.want("low", of("", 0));
  d.after(1s);
  d.want("mid", of("", 1));
  d.want("high", of("", 9));
  d.want("high2", of("", 9));
  d.free("runs");
  CHECK(d.granted() == strings{"high"});
  d.free("high");
  CHECK(d.granted() == strings{"high2"});
  d.free("high2");
  CHECK(d.granted() == strings{"mid"});
  d.after(priority_step);
  d.want("mid2", of("", 1));
  d.free("mid");
  CHECK(d.granted() == strings{"low"});
}

TEST_CASE("a tenant that floods does not hold up another one's only turn", "[slots]") {
  desk d{{.most = 2}};
  for (int i = 0; i < 100; ++i) d.want("flood" + std::to_string(i), of("flood"));
  CHECK(d.granted() == strings{"flood0", "flood1"});
  d.after(5s);
  d.want("only", of("quiet"));
  d.free("flood0");
  CHECK(d.granted() == strings{"only"});
}

TEST_CASE("a burst is shared out by weight", "[slots]") {
  desk d{{.most = 8, .tenants = {{"big", {.weight = 3}}}}};
  for (int i = 0; i < 20; ++i) {
    d.want("b" + std::to_string(i), of("big"));
    d.want("s" + std::to_string(i), of("small"));
  }
  d.granted();
  CHECK(d.slots.loads().size() == 2);
  for (const auto& load : d.slots.loads()) CHECK(load.running == (load.tenant == "big" ? 6 : 2));
}

TEST_CASE("a tenant that did not wait has saved up nothing", "[slots]") {
  desk d{{.most = 1}};
  d.want("late0", of("late"));
  CHECK(d.granted() == strings{"late0"});
  for (int i = 0; i < 10; ++i) d.want("busy" + std::to_string(i), of("busy"));
  d.free("late0");
  for (int i = 0; i < 5; ++i) {
    CHECK(d.granted() == strings{"busy" + std::to_string(i)});
    d.after(10s);
    if (i < 4) d.free("busy" + std::to_string(i));
  }
  for (int i = 1; i < 4; ++i) d.want("late" + std::to_string(i), of("late"));
  // It is next, and then one follows the other.
  d.free("busy4");
  CHECK(d.granted() == strings{"late1"});
  d.after(10s);
  d.free("late1");
  CHECK(d.granted() == strings{"busy5"});
  d.after(10s);
  d.free("busy5");
  CHECK(d.granted() == strings{"late2"});
}

TEST_CASE("a tenant that comes and goes still owes what it had", "[slots]") {
  desk d{{.most = 1}};
  for (int i = 0; i < 9; ++i) d.want("flood" + std::to_string(i), of("flood"));
  d.want("again0", of("again"));
  CHECK(d.granted() == strings{"flood0"});
  d.after(1s);
  d.free("flood0");
  CHECK(d.granted() == strings{"again0"});
  d.after(3'500ms);
  // Gone for a moment: it yielded, say.
  d.free("again0");
  CHECK(d.slots.tenants() == 2);
  CHECK(d.granted() == strings{"flood1"});
  d.want("again1", of("again"));
  for (const auto* name : {"flood1", "flood2"}) {
    d.after(1s);
    d.free(name);
    CHECK(d.granted() == strings{name == std::string{"flood1"} ? "flood2" : "flood3"});
  }
  d.after(1s);
  d.free("flood3");
  CHECK(d.granted() == strings{"again1"});
}

TEST_CASE("who owes is remembered while others wait, and never more than so many", "[slots]") {
  desk d{{.most = 2, .tenants = {{"few", {.slots_max = 1}}}}};
  d.want("runs", of("few"));
  d.want("waits", of("few"));
  CHECK(d.granted() == strings{"runs"});
  for (std::size_t i = 0; i < 2 * debtors_max; ++i) {
    const auto name = "t" + std::to_string(i);
    d.want(name, of(name));
    CHECK(d.granted() == strings{name});
    d.after(1s);
    d.free(name);
    CHECK(d.slots.tenants() == 1 + std::min(i + 1, debtors_max));
    CHECK(d.slots.loads() == std::vector<tenant_load>{{"few", 1, 1}});
  }
  d.free("waits");
  CHECK(d.slots.tenants() == 1);
  d.free("runs");
  CHECK(d.slots.tenants() == 0);
}

TEST_CASE("a tenant at its limit stands aside, and holds up nobody", "[slots]") {
  desk d{{.most = 4, .tenants = {{"few", {.slots_max = 1}}}}};
  for (int i = 0; i < 3; ++i) d.want("f" + std::to_string(i), of("few"));
  d.want("x", of("other"));
  d.want("y", of("other"));
  CHECK(d.granted() == strings{"f0", "x", "y"});
  CHECK(d.slots.waiting() == 2);
  d.free("f0");
  CHECK(d.granted() == strings{"f1"});
}

TEST_CASE("suspects run one at a time, and do not hold up the steady ones", "[slots]") {
  desk d{{.most = 4}};
  d.want("s1", that_is(suspect));
  d.want("s2", that_is(suspect));
  d.want("a");
  CHECK(d.granted() == strings{"s1", "a"});
  d.want("b");
  CHECK(d.granted() == strings{"b"});
  d.free("s1");
  CHECK(d.granted() == strings{"s2"});
}

TEST_CASE("shaken ones run beside each other, but never beside a suspect", "[slots]") {
  desk d{{.most = 8}};
  d.want("k1", that_is(shaken));
  d.want("k2", that_is(shaken));
  d.want("steady");
  CHECK(d.granted() == strings{"k1", "k2", "steady"});
  d.want("s1", that_is(suspect));
  CHECK(d.granted().empty());
  // It would otherwise wait for ever while there are always some.
  d.want("k3", that_is(shaken));
  CHECK(d.granted().empty());
  d.free("k1");
  CHECK(d.granted().empty());
  d.free("k2");
  CHECK(d.granted() == strings{"s1"});
  d.want("k4", that_is(shaken));
  d.want("s2", that_is(suspect));
  CHECK(d.granted().empty());
  d.free("s1");
  CHECK(d.granted() == strings{"k3", "k4"});
  d.want("k5", that_is(shaken));
  d.free("k3");
  d.free("k4");
  CHECK(d.granted() == strings{"s2"});
  d.free("s2");
  CHECK(d.granted() == strings{"k5"});
}

TEST_CASE("a suspect whose tenant is at its limit does not keep the shaken ones waiting", "[slots]") {
  desk d{{.most = 8, .tenants = {{"few", {.slots_max = 1}}}}};
  d.want("f", of("few"));
  CHECK(d.granted() == strings{"f"});
  d.want("s", that_is(suspect, "few"));
  d.want("k", that_is(shaken, "other"));
  CHECK(d.granted() == strings{"k"});
}

TEST_CASE("shaken ones that are withdrawn do not keep the suspect waiting", "[slots]") {
  desk d{{.most = 8}};
  d.want("s1", that_is(suspect));
  CHECK(d.granted() == strings{"s1"});
  d.want("k1", that_is(shaken));
  d.want("s2", that_is(suspect));
  d.free("s1");
  d.free("k1");
  CHECK(d.granted() == strings{"s2"});
}

TEST_CASE("a poison one crash behind its neighbours cannot use up their attempts", "[slots]") {
  // What the log counts. The poison's first crash came before its slice was stored.
  constexpr int max_attempts = 3;
  constexpr int not_stored = -1;
  std::map<std::string, int> crashes{{"poison", not_stored}, {"good1", 0}, {"good2", 0}, {"good3", 0}};
  std::set<std::string> dead;
  int lives = 0;
  while (crashes.contains("poison")) {
    REQUIRE(++lives < 10);
    desk d{{.most = 64}};
    for (const auto& [name, count] : crashes) d.want(name, that_is(standing_after(static_cast<std::uint32_t>(std::max(count, 0)))));
    for (auto running = d.granted(); !running.empty(); running = d.granted()) {
      const bool is_poisoned = std::ranges::find(running, "poison") != running.end();
      for (const auto& name : running) {
        if (!is_poisoned) {
          crashes.erase(name);
          d.free(name);
        } else if (++crashes[name] == max_attempts) {
          dead.insert(name);
          crashes.erase(name);
        }
      }
      if (is_poisoned) break;
    }
  }
  CHECK(dead == std::set<std::string>{"poison"});
}

TEST_CASE("slices are asked to yield for those that wait, the oldest first, each once", "[slots]") {
  desk d{{.most = 3, .share_after = 10s}};
  for (const auto* name : {"a", "b", "c"}) {
    d.want(name);
    CHECK(d.granted() == strings{name});
    d.after(1s);
  }
  CHECK(d.asked().empty());
  d.want("d");
  CHECK(d.asked().empty());
  d.after(8s);
  CHECK(d.asked() == strings{"a"});
  d.after(8s);
  CHECK(d.asked().empty());
  d.want("e");
  CHECK(d.asked(false).empty());
  CHECK(d.asked() == strings{"b"});
  d.free("a");
  CHECK(d.granted() == strings{"d"});
  CHECK(d.asked().empty());
}

TEST_CASE("whatever waits, an old slice is asked to yield", "[slots]") {
  desk d{{.most = 3, .yield_after = 240s}};
  d.want("a");
  CHECK(d.granted() == strings{"a"});
  d.after(239s);
  CHECK(d.asked().empty());
  d.after(1s);
  CHECK(d.asked(false) == strings{"a"});
  CHECK(d.asked().empty());
}

TEST_CASE("a slice that stops is not asked, and its slot counts as on its way", "[slots]") {
  desk d{{.most = 2, .share_after = 10s}};
  d.want("a");
  d.want("b");
  CHECK(d.granted() == strings{"a", "b"});
  d.want("c");
  d.after(10s);
  d.slots.stopping(id_of("b"));
  CHECK(d.asked().empty());
}

TEST_CASE("only so many tenants ever get a label, and each keeps its own", "[slots]") {
  tenant_labels labels{{"named"}};
  CHECK(labels.of({}) == std::vector<tenant_load>{{"named", 0, 0}});
  std::vector<tenant_load> crowd;
  for (int i = 100; i < 300; ++i) crowd.push_back({"t" + std::to_string(i), 1, 2});
  const auto all = labels.of(crowd);
  CHECK(all.size() == tenant_labels_max);
  constexpr auto rest = 200 - (tenant_labels_max - 2);
  CHECK(std::ranges::count(all, tenant_load{other_tenants, rest, 2 * rest}) == 1);
  const auto later = labels.of({{"t100", 7, 0}, {"t299", 5, 5}, {"never seen", 1, 1}});
  CHECK(later.size() == tenant_labels_max);
  CHECK(std::ranges::count(later, tenant_load{"t100", 7, 0}) == 1);
  CHECK(std::ranges::count(later, tenant_load{other_tenants, 6, 6}) == 1);
  CHECK(std::ranges::count(later, tenant_load{"t101", 0, 0}) == 1);
}
