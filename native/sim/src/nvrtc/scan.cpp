// SPDX-License-Identifier: MIT
// Finds kernels with C linkage in preprocessed source, so that they need no registration: the
// prelude turns __global__ into a marker, and namespaces around it are tracked by their braces.
#include <cctype>

#include "nvrtc/compiler.h"

namespace cudasim::nvrtc {

namespace {

constexpr const char* kMark = "__di_sim_kernel_mark__";

struct Token {
    enum Kind { End, Word, Text, Symbol } kind = End;
    std::string text;
};

class Lexer {
  public:
    explicit Lexer(const std::string& text) : text_(text) {}

    Token next() {
        skip_space();
        if (at_ >= text_.size())
            return {};
        char c = text_[at_];
        if (std::isalpha(static_cast<unsigned char>(c)) || c == '_')
            return word();
        if (c == '"' || c == '\'')
            return quoted(c);
        if (std::isdigit(static_cast<unsigned char>(c)))
            return number();
        ++at_;
        if (c == ':' && at_ < text_.size() && text_[at_] == ':') {
            ++at_;
            return {Token::Symbol, "::"};
        }
        return {Token::Symbol, std::string(1, c)};
    }

  private:
    void skip_space() {
        while (at_ < text_.size()) {
            char c = text_[at_];
            if (std::isspace(static_cast<unsigned char>(c))) {
                ++at_;
            } else if (c == '#' && (at_ == 0 || text_[at_ - 1] == '\n')) {
                while (at_ < text_.size() && text_[at_] != '\n')
                    ++at_; // line marker
            } else {
                break;
            }
        }
    }
    Token word() {
        std::size_t start = at_;
        while (at_ < text_.size() &&
               (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
            ++at_;
        std::string w = text_.substr(start, at_ - start);
        if (at_ < text_.size() && text_[at_] == '"' && !w.empty() && w.back() == 'R')
            return raw_string();
        return {Token::Word, w};
    }
    Token raw_string() {
        std::size_t open = text_.find('(', at_);
        if (open == std::string::npos)
            return {};
        std::string close(1, ')');
        close.append(text_, at_ + 1, open - at_ - 1).push_back('"');
        std::size_t end = text_.find(close, open);
        at_ = end == std::string::npos ? text_.size() : end + close.size();
        return {Token::Text, ""};
    }
    Token quoted(char quote) {
        std::size_t start = ++at_;
        while (at_ < text_.size() && text_[at_] != quote)
            at_ += text_[at_] == '\\' ? 2 : 1;
        std::string inside = text_.substr(start, at_ - start);
        ++at_;
        return {Token::Text, inside};
    }
    Token number() {
        while (at_ < text_.size() &&
               (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.' ||
                text_[at_] == '\'' || text_[at_] == '_')) {
            ++at_;
        }
        return {Token::Symbol, "0"};
    }

    const std::string& text_;
    std::size_t at_ = 0;
};

struct Scope {
    enum Kind { Namespace, Linkage, Other } kind;
    std::string name;
};

} // namespace

std::vector<FoundKernel> find_kernels(const std::string& preprocessed) {
    std::vector<FoundKernel> found;
    std::vector<Scope> scopes;
    Lexer lexer(preprocessed);
    Scope pending{Scope::Other, ""};
    bool saw_extern = false, c_linkage = false;
    for (Token t = lexer.next(); t.kind != Token::End; t = lexer.next()) {
        if (t.kind == Token::Word && t.text == "namespace") {
            pending = {Scope::Namespace, ""};
            Token n = lexer.next();
            for (; n.kind != Token::End && n.text != "{" && n.text != ";" && n.text != "=";
                 n = lexer.next()) {
                pending.name += n.text;
            }
            if (n.text == "{")
                scopes.push_back(pending);
            saw_extern = c_linkage = false;
        } else if (t.kind == Token::Word && t.text == "extern") {
            saw_extern = true;
            continue;
        } else if (t.kind == Token::Text && saw_extern && t.text == "C") {
            c_linkage = true;
            saw_extern = false;
            continue;
        } else if (t.text == "{" && t.kind == Token::Symbol) {
            scopes.push_back({c_linkage ? Scope::Linkage : Scope::Other, ""});
            c_linkage = false;
        } else if (t.text == "}" && t.kind == Token::Symbol) {
            if (!scopes.empty())
                scopes.pop_back();
            c_linkage = false;
        } else if (t.text == ";" && t.kind == Token::Symbol) {
            c_linkage = false;
        } else if (t.kind == Token::Word && t.text == kMark) {
            bool linkage = c_linkage, nested = false;
            std::string qualified;
            for (const Scope& s : scopes) {
                if (s.kind == Scope::Linkage)
                    linkage = true;
                if (s.kind == Scope::Other)
                    nested = true;
                if (s.kind == Scope::Namespace && !s.name.empty())
                    qualified.append("::").append(s.name);
            }
            // The name is the last word before the parameters.
            std::string name;
            Token n = lexer.next();
            for (int depth = 0; n.kind != Token::End; n = lexer.next()) {
                if (n.text == "(" && n.kind == Token::Symbol) {
                    if (depth == 0 && !name.empty() && name != "__attribute__" && name != "alignas")
                        break;
                    ++depth;
                } else if (n.text == ")" && n.kind == Token::Symbol) {
                    --depth;
                } else if (depth == 0 && n.kind == Token::Word) {
                    name = n.text;
                }
            }
            // Only definitions count: a declaration ends with a semicolon.
            int depth = 1;
            for (n = lexer.next(); n.kind != Token::End && depth > 0; n = lexer.next()) {
                if (n.kind != Token::Symbol)
                    continue;
                if (n.text == "(")
                    ++depth;
                if (n.text == ")" && --depth == 0)
                    break;
            }
            n = lexer.next();
            if (n.text == "{" && n.kind == Token::Symbol) {
                scopes.push_back({Scope::Other, ""});
                if (linkage && !nested)
                    found.push_back({name, qualified.append("::").append(name)});
            }
            c_linkage = false;
        }
        saw_extern = false;
    }
    return found;
}

} // namespace cudasim::nvrtc
