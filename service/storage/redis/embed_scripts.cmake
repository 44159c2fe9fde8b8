# cmake -D SCRIPTS="a.lua;b.lua" -D OUTPUT=scripts.h -P embed_scripts.cmake
#
# Writes the Lua scripts into a header, each as a Script named after its file, with the SHA-1 by
# which Redis knows it.
set(header "// Made by embed_scripts.cmake from the .lua files.\n#pragma once\n\n")
string(APPEND header "#include \"storage/redis/script.h\"\n\nnamespace tokenbroker::storage::scripts {\n")
foreach(path ${SCRIPTS})
  get_filename_component(stem ${path} NAME_WE)
  string(REPLACE "_" ";" words ${stem})
  set(name k)
  foreach(word ${words})
    string(SUBSTRING ${word} 0 1 first)
    string(SUBSTRING ${word} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND name ${first}${rest})
  endforeach()
  file(READ ${path} source)
  file(SHA1 ${path} sha1)
  string(APPEND header "\ninline constexpr Script ${name}{R\"lua(${source})lua\",\n    \"${sha1}\"};\n")
endforeach()
string(APPEND header "\n}  // namespace tokenbroker::storage::scripts\n")
file(WRITE ${OUTPUT} "${header}")
