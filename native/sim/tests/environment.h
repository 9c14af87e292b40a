// SPDX-License-Identifier: MIT
// Variables of the environment for one test.
#pragma once

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace cudasim::test {

// Everything that is set here is as it was before when this ends.
class Environment {
  public:
    Environment() = default;
    ~Environment() {
        for (const auto& [name, value] : before_)
            assign(name.c_str(), value ? value->c_str() : nullptr);
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

    // Null: the variable is not there.
    void set(const char* name, const char* value) {
        const char* old = std::getenv(name);
        before_.try_emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
        assign(name, value);
    }

  private:
    static void assign(const char* name, const char* value) {
        if (value != nullptr)
            setenv(name, value, 1);
        else
            unsetenv(name);
    }

    std::map<std::string, std::optional<std::string>> before_;
};

} // namespace cudasim::test
