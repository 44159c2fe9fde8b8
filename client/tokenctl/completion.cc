#include "completion.h"

namespace tokenbroker::tokenctl {
namespace {

// zsh reads it through bashcompinit.
#define TOKENCTL_BASH                                                                      \
  "_tokenctl() {\n"                                                                        \
  "  local current=${COMP_WORDS[COMP_CWORD]}\n"                                            \
  "  local commands='login token watch grants grant revoke userinfo logout exchange'\n"    \
  "  commands+=' completion admin doctor'\n"                                               \
  "  local flags='--address= --ca= --cert= --key= --token_file= --tls --json --client='\n" \
  "  flags+=' --scopes= --audience= --redirect_uri= --response_type= --response_mode='\n"  \
  "  flags+=' --prompt= --open --min_remaining= --subject= --state= --yes --help'\n"       \
  "  flags+=' --post_logout_redirect_uri= --subject_token_type= --config='\n"              \
  "  case $current in\n"                                                                   \
  "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"                         \
  "        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace ;;\n"                           \
  "    *) COMPREPLY=($(compgen -W \"$commands\" -- \"$current\")) ;;\n"                    \
  "  esac\n"                                                                               \
  "}\n"                                                                                    \
  "complete -F _tokenctl tokenctl\n"

constexpr std::string_view kBash = TOKENCTL_BASH;
constexpr std::string_view kZsh = "autoload -U +X bashcompinit && bashcompinit\n" TOKENCTL_BASH;

#undef TOKENCTL_BASH

}  // namespace

std::string_view CompletionScript(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  return {};
}

}  // namespace tokenbroker::tokenctl
