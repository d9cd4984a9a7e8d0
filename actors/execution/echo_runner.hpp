// A runner for tests and measuring: the turn's input is its result.
#pragma once

#include "actors/ports/runner.hpp"

namespace baton {

class echo_runner : public runner {
public:
  std::unique_ptr<running_slice> start(const slice_request& request, std::shared_ptr<slice_listener> listener) override;
};

} // namespace baton
