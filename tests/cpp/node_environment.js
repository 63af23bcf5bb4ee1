// Hands the environment variables of Node.js to the C++ tests, which Emscripten does not.
Module["preRun"] = function () {
  Object.assign(ENV, process.env);
};
