// Planes of a picture in 4:2:0 to the network's input: what `Frame.network_input` does, on the GPU.
//
// Each plane is resized as OpenCV's INTER_LINEAR does for 8-bit pictures: weights of 11 bits, and
// the two steps of rounding of its vertical pass. Then the colour matrix gives B, G and R.

#include "blocks.h"

#define WEIGHT_ONE 2048.0f

struct Taps {
    int first, second;  // rows or columns
    int first_weight, second_weight;
};

// Columns outside the picture repeat its edge with the whole weight; rows keep both weights.
DEVICE Taps taps(int place, double scale, int size, bool along_x) {
    const float position = (float)((place + 0.5) * scale - 0.5);
    int first = floor_of(position);
    float share = position - (float)first;
    if (along_x && first < 0) { first = 0; share = 0.0f; }
    if (along_x && first >= size - 1) { first = size - 1; share = 0.0f; }
    Taps found;
    found.first = first < 0 ? 0 : first > size - 1 ? size - 1 : first;
    found.second = first + 1 < 0 ? 0 : first + 1 > size - 1 ? size - 1 : first + 1;
    found.first_weight = nearest_of((1.0f - share) * WEIGHT_ONE);
    found.second_weight = nearest_of(share * WEIGHT_ONE);
    return found;
}

// One value of a plane whose rows are `pitch` bytes apart and whose columns are `step` bytes apart.
DEVICE float sample(const unsigned char *plane, int pitch, int step, Taps x, Taps y) {
    const unsigned char *upper = plane + (long long)y.first * pitch, *lower = plane + (long long)y.second * pitch;
    const int above = upper[x.first * step] * x.first_weight + upper[x.second * step] * x.second_weight;
    const int below = lower[x.first * step] * x.first_weight + lower[x.second * step] * x.second_weight;
    return (float)((((y.first_weight * (above >> 4)) >> 16) + ((y.second_weight * (below >> 4)) >> 16) + 2) >> 2);
}

DEVICE unsigned char to_byte(float value) { return (unsigned char)(value < 0.0f ? 0 : value > 255.0f ? 255 : nearest_of(value)); }

// Grid: enough blocks for the output's pixels. `step` is 1 for three planes and 2 for NV12, whose `v`
// is `u` + 1. `matrix` (3, 4) row by row: b, g, r of y, u, v, 1. Writes `output` (height, width, 3).
KERNEL planes_to_input(BLOCK_ARGUMENTS const unsigned char *luma, int luma_pitch, int luma_width, int luma_height,
                       const unsigned char *u, const unsigned char *v, int chroma_pitch, int chroma_width, int chroma_height, int step,
                       Matrix matrix, unsigned char *output, int width, int height) {
    EACH_THREAD(t) {
        const int pixel = BLOCK_X * THREADS + t;
        if (pixel < width * height) {
            const int column = pixel % width, row = pixel / width;
            const float y_value = sample(luma, luma_pitch, 1, taps(column, (double)luma_width / width, luma_width, true),
                                         taps(row, (double)luma_height / height, luma_height, false));
            const Taps x = taps(column, (double)chroma_width / width, chroma_width, true);
            const Taps y = taps(row, (double)chroma_height / height, chroma_height, false);
            const float u_value = sample(u, chroma_pitch, step, x, y), v_value = sample(v, chroma_pitch, step, x, y);
            for (int colour = 0; colour < 3; colour++) {
                const float *line = matrix.values + colour * 4;
                output[(long long)pixel * 3 + colour] = to_byte(line[0] * y_value + line[1] * u_value + line[2] * v_value + line[3]);
            }
        }
    }
}
