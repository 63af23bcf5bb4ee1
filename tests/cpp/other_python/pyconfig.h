/* What Python's headers must know of 64-bit Windows and macOS, in place of what they know of the
 * system that they were installed on: enough to link the extension for these. */
#ifndef RANDPROP_OTHER_PYCONFIG_H
#define RANDPROP_OTHER_PYCONFIG_H

#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_VOID_P 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_TIME_T 8
#define HAVE_ERRNO_H 1
#define HAVE_STDDEF_H 1
#define HAVE_STRING_H 1
#define HAVE_WCHAR_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define STDC_HEADERS 1

#ifdef _WIN32
#define MS_WIN32
#define MS_WIN64
#define MS_WINDOWS
#define NT_THREADS
#define SIZEOF_LONG 4
#define SIZEOF_WCHAR_T 2
#define HAVE_DECLSPEC_DLL
#define Py_ENABLE_SHARED /* names of Python's are imported */
#else
#define SIZEOF_LONG 8
#define SIZEOF_WCHAR_T 4
#define SIZEOF_PTHREAD_T 8
#define HAVE_PTHREAD_H 1
#define HAVE_SSIZE_T 1
#define HAVE_UNISTD_H 1
#endif

#endif
