// SPDX-License-Identifier: MIT
// Every driver function that libdeepinfra_cudasim.so offers: X(name for cuGetProcAddress, exported
// symbol). Besides these it exports cuGetProcAddress(_v2), the nvrtc functions and:
//   int di_cudasim_last_report(char* text, size_t bytes)
//       what broke the current context (what broke any context last, if that one works): its length
//   int di_cudasim_last_writer(const void* address, char* text, size_t bytes)
//       who wrote a byte last in a launch that ran with DEEPINFRA_CUDASIM_TRACE=1: the text's
//       length
//   void di_cudasim_reset(void)
//       lets broken contexts work again (tests only)
// cuda* attributes, textures, arrays, virtual memory management, multicast objects, batched memory
// operations and managed memory are not offered: cuGetProcAddress answers CUDA_ERROR_NOT_FOUND.
#pragma once

#define CUDASIM_ENTRIES(X)                                                                         \
    X(cuInit, cuInit)                                                                              \
    X(cuDriverGetVersion, cuDriverGetVersion)                                                      \
    X(cuGetErrorName, cuGetErrorName)                                                              \
    X(cuGetErrorString, cuGetErrorString)                                                          \
    X(cuDeviceGet, cuDeviceGet)                                                                    \
    X(cuDeviceGetCount, cuDeviceGetCount)                                                          \
    X(cuDeviceGetName, cuDeviceGetName)                                                            \
    X(cuDeviceGetUuid, cuDeviceGetUuid_v2)                                                         \
    X(cuDeviceGetPCIBusId, cuDeviceGetPCIBusId)                                                    \
    X(cuDeviceTotalMem, cuDeviceTotalMem_v2)                                                       \
    X(cuDeviceGetAttribute, cuDeviceGetAttribute)                                                  \
    X(cuDeviceCanAccessPeer, cuDeviceCanAccessPeer)                                                \
    X(cuDeviceGetP2PAttribute, cuDeviceGetP2PAttribute)                                            \
    X(cuDeviceGetDefaultMemPool, cuDeviceGetDefaultMemPool)                                        \
    X(cuDeviceGetMemPool, cuDeviceGetMemPool)                                                      \
    X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain)                                          \
    X(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2)                                     \
    X(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset_v2)                                         \
    X(cuDevicePrimaryCtxSetFlags, cuDevicePrimaryCtxSetFlags_v2)                                   \
    X(cuDevicePrimaryCtxGetState, cuDevicePrimaryCtxGetState)                                      \
    X(cuCtxCreate, cuCtxCreate_v2)                                                                 \
    X(cuCtxDestroy, cuCtxDestroy_v2)                                                               \
    X(cuCtxGetCurrent, cuCtxGetCurrent)                                                            \
    X(cuCtxSetCurrent, cuCtxSetCurrent)                                                            \
    X(cuCtxPushCurrent, cuCtxPushCurrent_v2)                                                       \
    X(cuCtxPopCurrent, cuCtxPopCurrent_v2)                                                         \
    X(cuCtxGetDevice, cuCtxGetDevice)                                                              \
    X(cuCtxGetFlags, cuCtxGetFlags)                                                                \
    X(cuCtxGetApiVersion, cuCtxGetApiVersion)                                                      \
    X(cuCtxSynchronize, cuCtxSynchronize)                                                          \
    X(cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange)                                    \
    X(cuCtxSetLimit, cuCtxSetLimit)                                                                \
    X(cuCtxGetLimit, cuCtxGetLimit)                                                                \
    X(cuCtxEnablePeerAccess, cuCtxEnablePeerAccess)                                                \
    X(cuCtxDisablePeerAccess, cuCtxDisablePeerAccess)                                              \
    X(cuMemGetInfo, cuMemGetInfo_v2)                                                               \
    X(cuMemAlloc, cuMemAlloc_v2)                                                                   \
    X(cuMemAllocPitch, cuMemAllocPitch_v2)                                                         \
    X(cuMemFree, cuMemFree_v2)                                                                     \
    X(cuMemAllocAsync, cuMemAllocAsync)                                                            \
    X(cuMemAllocFromPoolAsync, cuMemAllocFromPoolAsync)                                            \
    X(cuMemFreeAsync, cuMemFreeAsync)                                                              \
    X(cuMemHostAlloc, cuMemHostAlloc)                                                              \
    X(cuMemAllocHost, cuMemAllocHost_v2)                                                           \
    X(cuMemFreeHost, cuMemFreeHost)                                                                \
    X(cuMemHostRegister, cuMemHostRegister_v2)                                                     \
    X(cuMemHostUnregister, cuMemHostUnregister)                                                    \
    X(cuMemHostGetDevicePointer, cuMemHostGetDevicePointer_v2)                                     \
    X(cuMemHostGetFlags, cuMemHostGetFlags)                                                        \
    X(cuMemGetAddressRange, cuMemGetAddressRange_v2)                                               \
    X(cuPointerGetAttribute, cuPointerGetAttribute)                                                \
    X(cuMemcpyHtoD, cuMemcpyHtoD_v2)                                                               \
    X(cuMemcpyDtoH, cuMemcpyDtoH_v2)                                                               \
    X(cuMemcpyDtoD, cuMemcpyDtoD_v2)                                                               \
    X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2)                                                     \
    X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2)                                                     \
    X(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2)                                                     \
    X(cuMemcpy, cuMemcpy)                                                                          \
    X(cuMemcpyAsync, cuMemcpyAsync)                                                                \
    X(cuMemcpyPeer, cuMemcpyPeer)                                                                  \
    X(cuMemcpyPeerAsync, cuMemcpyPeerAsync)                                                        \
    X(cuMemcpy2D, cuMemcpy2D_v2)                                                                   \
    X(cuMemcpy2DAsync, cuMemcpy2DAsync_v2)                                                         \
    X(cuMemsetD8, cuMemsetD8_v2)                                                                   \
    X(cuMemsetD16, cuMemsetD16_v2)                                                                 \
    X(cuMemsetD32, cuMemsetD32_v2)                                                                 \
    X(cuMemsetD8Async, cuMemsetD8Async)                                                            \
    X(cuMemsetD16Async, cuMemsetD16Async)                                                          \
    X(cuMemsetD32Async, cuMemsetD32Async)                                                          \
    X(cuMemPoolSetAttribute, cuMemPoolSetAttribute)                                                \
    X(cuMemPoolGetAttribute, cuMemPoolGetAttribute)                                                \
    X(cuMemPoolSetAccess, cuMemPoolSetAccess)                                                      \
    X(cuMemPoolTrimTo, cuMemPoolTrimTo)                                                            \
    X(cuIpcGetMemHandle, cuIpcGetMemHandle)                                                        \
    X(cuIpcOpenMemHandle, cuIpcOpenMemHandle_v2)                                                   \
    X(cuIpcCloseMemHandle, cuIpcCloseMemHandle)                                                    \
    X(cuIpcGetEventHandle, cuIpcGetEventHandle)                                                    \
    X(cuIpcOpenEventHandle, cuIpcOpenEventHandle)                                                  \
    X(cuStreamCreate, cuStreamCreate)                                                              \
    X(cuStreamCreateWithPriority, cuStreamCreateWithPriority)                                      \
    X(cuStreamDestroy, cuStreamDestroy_v2)                                                         \
    X(cuStreamSynchronize, cuStreamSynchronize)                                                    \
    X(cuStreamQuery, cuStreamQuery)                                                                \
    X(cuStreamGetPriority, cuStreamGetPriority)                                                    \
    X(cuStreamGetFlags, cuStreamGetFlags)                                                          \
    X(cuStreamGetCtx, cuStreamGetCtx)                                                              \
    X(cuStreamWaitEvent, cuStreamWaitEvent)                                                        \
    X(cuStreamBeginCapture, cuStreamBeginCapture_v2)                                               \
    X(cuStreamEndCapture, cuStreamEndCapture)                                                      \
    X(cuStreamIsCapturing, cuStreamIsCapturing)                                                    \
    X(cuLaunchHostFunc, cuLaunchHostFunc)                                                          \
    X(cuEventCreate, cuEventCreate)                                                                \
    X(cuEventDestroy, cuEventDestroy_v2)                                                           \
    X(cuEventRecord, cuEventRecord)                                                                \
    X(cuEventQuery, cuEventQuery)                                                                  \
    X(cuEventSynchronize, cuEventSynchronize)                                                      \
    X(cuEventElapsedTime, cuEventElapsedTime)                                                      \
    X(cuLibraryLoadData, cuLibraryLoadData)                                                        \
    X(cuLibraryLoadFromFile, cuLibraryLoadFromFile)                                                \
    X(cuLibraryUnload, cuLibraryUnload)                                                            \
    X(cuLibraryGetKernel, cuLibraryGetKernel)                                                      \
    X(cuLibraryGetModule, cuLibraryGetModule)                                                      \
    X(cuKernelGetFunction, cuKernelGetFunction)                                                    \
    X(cuKernelGetAttribute, cuKernelGetAttribute)                                                  \
    X(cuKernelSetAttribute, cuKernelSetAttribute)                                                  \
    X(cuKernelGetName, cuKernelGetName)                                                            \
    X(cuKernelGetParamInfo, cuKernelGetParamInfo)                                                  \
    X(cuModuleLoad, cuModuleLoad)                                                                  \
    X(cuModuleLoadData, cuModuleLoadData)                                                          \
    X(cuModuleLoadDataEx, cuModuleLoadDataEx)                                                      \
    X(cuModuleUnload, cuModuleUnload)                                                              \
    X(cuModuleGetFunction, cuModuleGetFunction)                                                    \
    X(cuModuleGetLoadingMode, cuModuleGetLoadingMode)                                              \
    X(cuFuncGetAttribute, cuFuncGetAttribute)                                                      \
    X(cuFuncSetAttribute, cuFuncSetAttribute)                                                      \
    X(cuFuncGetName, cuFuncGetName)                                                                \
    X(cuFuncSetCacheConfig, cuFuncSetCacheConfig)                                                  \
    X(cuLaunchKernel, cuLaunchKernel)                                                              \
    X(cuLaunchKernelEx, cuLaunchKernelEx)                                                          \
    X(cuLaunchCooperativeKernel, cuLaunchCooperativeKernel)                                        \
    X(cuOccupancyMaxActiveBlocksPerMultiprocessor, cuOccupancyMaxActiveBlocksPerMultiprocessor)    \
    X(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags,                                        \
      cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags)                                        \
    X(cuOccupancyMaxActiveClusters, cuOccupancyMaxActiveClusters)                                  \
    X(cuOccupancyMaxPotentialClusterSize, cuOccupancyMaxPotentialClusterSize)                      \
    X(cuGraphCreate, cuGraphCreate)                                                                \
    X(cuGraphDestroy, cuGraphDestroy)                                                              \
    X(cuGraphGetNodes, cuGraphGetNodes)                                                            \
    X(cuGraphNodeGetType, cuGraphNodeGetType)                                                      \
    X(cuGraphInstantiateWithFlags, cuGraphInstantiateWithFlags)                                    \
    X(cuGraphExecUpdate, cuGraphExecUpdate_v2)                                                     \
    X(cuGraphLaunch, cuGraphLaunch)                                                                \
    X(cuGraphUpload, cuGraphUpload)                                                                \
    X(cuGraphExecDestroy, cuGraphExecDestroy)                                                      \
    X(cuTensorMapEncodeTiled, cuTensorMapEncodeTiled)                                              \
    X(cuGetProcAddress, cuGetProcAddress_v2)
