// One source for the GPU and, for tests, for the CPU: a block is written as steps that all of its
// threads take together. On the CPU a loop takes the place of the threads of each step.

#pragma once

typedef unsigned long long KEY;

#define THREADS 1024

struct Matrix {
    float values[12];
};

#ifdef __CUDACC__

#define METHOD __device__ __forceinline__
#define DEVICE METHOD
#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS)
#define BLOCK_ARGUMENTS
#define BLOCK_X ((int)blockIdx.x)
#define BLOCK_Y ((int)blockIdx.y)
#define SHARED __shared__
#define SYNC() __syncthreads()
#define ONE_THREAD if (threadIdx.x == 0)
#define EACH_THREAD(t) if (const int t = (int)threadIdx.x; true)

DEVICE unsigned int atomic_add(unsigned int *place, unsigned int value) { return atomicAdd(place, value); }
DEVICE void atomic_and(unsigned int *place, unsigned int value) { atomicAnd(place, value); }
DEVICE void atomic_or(unsigned int *place, unsigned int value) { atomicOr(place, value); }
DEVICE int count_bits(unsigned int bits) { return __popc(bits); }
DEVICE unsigned int float_bits(float value) { return __float_as_uint(value); }
DEVICE float bits_float(unsigned int bits) { return __uint_as_float(bits); }
DEVICE int lowest_bit(unsigned int bits) { return __ffs(bits) - 1; }
DEVICE int floor_of(float value) { return __float2int_rd(value); }
DEVICE int nearest_of(float value) { return __float2int_rn(value); }

#else

#include <cmath>
#include <cstring>

#define METHOD inline
#define DEVICE static inline
#define KERNEL static void
#define BLOCK_ARGUMENTS [[maybe_unused]] int block_x, [[maybe_unused]] int block_y,
#define BLOCK_X block_x
#define BLOCK_Y block_y
#define SHARED static
#define SYNC() ((void)0)
#define ONE_THREAD
#define EACH_THREAD(t) for (int t = 0; t < THREADS; t++)

DEVICE unsigned int atomic_add(unsigned int *place, unsigned int value) {
    const unsigned int before = *place;
    *place += value;
    return before;
}
DEVICE void atomic_and(unsigned int *place, unsigned int value) { *place &= value; }
DEVICE void atomic_or(unsigned int *place, unsigned int value) { *place |= value; }
DEVICE int count_bits(unsigned int bits) { return __builtin_popcount(bits); }
DEVICE unsigned int float_bits(float value) {
    unsigned int bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
DEVICE float bits_float(unsigned int bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
DEVICE int lowest_bit(unsigned int bits) { return __builtin_ctz(bits); }
DEVICE int floor_of(float value) { return (int)std::floor(value); }
DEVICE int nearest_of(float value) { return (int)std::nearbyint(value); }

#endif
