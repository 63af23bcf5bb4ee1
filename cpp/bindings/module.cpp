// The compiled module randprop._core: one register_ call a topic.
#include "randprop/simd.hpp"
#include "register.hpp"

PYBIND11_MODULE(_core, module) {
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
