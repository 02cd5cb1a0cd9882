# What every target of the project goes through: language level, warnings, visibility, sanitizers.
function(tokengate_target_defaults target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${TOKENGATE_DEV}>:-Werror>)
  if(TOKENGATE_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${TOKENGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${TOKENGATE_SANITIZE})
    # UBSan's data has an address in every line: to relocate them takes ten times as long as the whole command.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE)
      target_link_options(${target} PRIVATE -no-pie)
    endif()
  endif()
endfunction()

# For what is not hot, and whose headers are slow to optimise: the tools, the tests. After tokengate_target_defaults.
function(tokengate_not_hot target)
  if(TOKENGATE_SANITIZE)
    set(optimise -O0)
  else()
    set(optimise -O1)
  endif()
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:${optimise};-g1>)
endfunction()
