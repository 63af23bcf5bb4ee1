// The compiled module randprop._core: one register_ call a topic.
#include "randprop/simd.hpp"
#include "register.hpp"

// Without a GIL too: calls release it for all that takes time, and so share nothing that it guards.
// What a call reads must not be written meanwhile, with a GIL or without: see docs/policy.md.
PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.doc() = "Compiled core of randprop; use the randprop package, not this module.";
  module.attr("__version__") = RANDPROP_VERSION;
  // Under the GIL, as os.environ is changed.
  randprop::read_environment();
  // The enumerations of the network first: signatures of the others name them.
  randprop::bindings::register_network(module);
  randprop::bindings::register_config(module);
  randprop::bindings::register_readouts(module);
  randprop::bindings::register_model(module);
}
