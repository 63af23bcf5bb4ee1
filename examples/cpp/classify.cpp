// Classifies rows of numbers with a model that Python's randprop.save wrote.
//
//   classify model.safetensors < rows.txt
//
// A row is n_features() numbers between white space; a line with a label comes out for each.
#include <cstdio>
#include <exception>
#include <iostream>
#include <vector>

#include "randprop/model.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: classify MODEL < ROWS\n");
    return 2;
  }
  try {
    const randprop::Model model = randprop::Model::load(argv[1]);
    std::vector<double> features;
    for (double value = 0.0; std::cin >> value;) {
      features.push_back(value);
    }
    if (!std::cin.eof() || features.size() % model.n_features() != 0) {
      std::fprintf(stderr, "classify: the rows must have %zu numbers each\n", model.n_features());
      return 1;
    }
    const std::size_t n_samples = features.size() / model.n_features();
    for (const std::size_t position : model.predict(features.data(), n_samples)) {
      std::puts(model.labels()[position].c_str());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "classify: %s\n", error.what());
    return 1;
  }
  return 0;
}
