# The macros of Slicer that this extension uses.

include(CTest)

# Copies scripts and resources to where Slicer looks for modules, and installs that folder. Names are relative to the
# current folder; WITH_SUBDIR puts all into a folder of the current one's name.
function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MODULE "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MODULE_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule does not know: ${MODULE_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT MODULE_NAME)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule needs a NAME")
  endif()
  set(folder "${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")
  if(MODULE_WITH_SUBDIR)
    get_filename_component(subdirectory "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    string(APPEND folder "/${subdirectory}")
  endif()
  set(copies)
  foreach(name IN LISTS MODULE_SCRIPTS MODULE_RESOURCES)
    if(IS_ABSOLUTE "${name}" OR name MATCHES "\\.\\.")
      message(FATAL_ERROR "${MODULE_NAME}: ${name} does not lie in the folder of its CMakeLists.txt")
    endif()
    set(source "${CMAKE_CURRENT_SOURCE_DIR}/${name}")
    if(NOT EXISTS "${source}" AND EXISTS "${source}.py")
      set(source "${source}.py")
      string(APPEND name ".py")
    endif()
    if(NOT EXISTS "${source}" OR IS_DIRECTORY "${source}")
      message(FATAL_ERROR "${MODULE_NAME}: there is no file ${source}")
    endif()
    set(copy "${CMAKE_BINARY_DIR}/${folder}/${name}")
    add_custom_command(
      OUTPUT "${copy}"
      COMMAND "${CMAKE_COMMAND}" -E copy "${source}" "${copy}"
      DEPENDS "${source}"
      )
    list(APPEND copies "${copy}")
  endforeach()
  add_custom_target(${MODULE_NAME} ALL DEPENDS ${copies})
  install(DIRECTORY "${CMAKE_BINARY_DIR}/${folder}/" DESTINATION "${folder}")
endfunction()

# Registers the unit test of a script, which only the application can run.
function(slicer_add_python_unittest)
  cmake_parse_arguments(UNITTEST "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS" ${ARGN})
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${UNITTEST_SCRIPT}")
    message(FATAL_ERROR "slicer_add_python_unittest: there is no file ${UNITTEST_SCRIPT}")
  endif()
  get_filename_component(name "${UNITTEST_SCRIPT}" NAME_WE)
  add_test(NAME "py_${UNITTEST_TESTNAME_PREFIX}${name}" COMMAND Slicer --testing ${UNITTEST_SCRIPT})
endfunction()
