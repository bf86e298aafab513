# Stands for Slicer in `find_package(Slicer)`: just enough to configure, build, test and install this extension without
# the application. Written from the documented interface of Slicer's macros. It does not prove that Slicer's own macros
# take the same arguments, nor that a package is made, nor that the application finds the module.
#
#   cmake -S . -B build -DSlicer_DIR=Testing/cmake -DBUILD_TESTING=ON
#   cmake --build build
#   ctest --test-dir build -N
#   cmake --install build --prefix somewhere

set(Slicer_VERSION "5.12")
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/CheckExtension.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/CheckExtension.cmake")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "lib/Slicer-${Slicer_VERSION}/qt-scripted-modules")
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR "${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")
