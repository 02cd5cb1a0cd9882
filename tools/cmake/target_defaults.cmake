# One function that every target of the project goes through: language level, warnings, visibility, sanitizers.
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
  endif()
endfunction()
