// What arrives at the node actor. All in one process: none of these is ever serialized.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <variant>

#include "actors/cluster/lease.hpp"
#include "actors/partition/ownership.hpp"

namespace baton::cluster {

struct clock_ticked {};
/// Answers of the store, and what partitions report.
struct ownership_input {
  ownership::input in;
};
struct lease_input {
  lease::input in;
};
/// SIGTERM: give everything back in good order. The second one stops at once.
struct drain_node {};

} // namespace baton::cluster

CAF_BEGIN_TYPE_ID_BLOCK(baton_cluster, caf::first_custom_type_id + 100)
  CAF_ADD_TYPE_ID(baton_cluster, (baton::cluster::clock_ticked))
  CAF_ADD_TYPE_ID(baton_cluster, (baton::cluster::ownership_input))
  CAF_ADD_TYPE_ID(baton_cluster, (baton::cluster::lease_input))
  CAF_ADD_TYPE_ID(baton_cluster, (baton::cluster::drain_node))
CAF_END_TYPE_ID_BLOCK(baton_cluster)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::cluster::clock_ticked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::cluster::ownership_input)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::cluster::lease_input)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::cluster::drain_node)
