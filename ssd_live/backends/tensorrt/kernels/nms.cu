// Per-class greedy non-maximum suppression (SSD paper, section 2.2 "inference"), exact below its stated cut.
//
// Step 1, one block for each class of each image: take the candidates whose score is over the
// threshold (at most the CANDIDATES best), sort them best first, suppress greedily, keep at most
// `limit`. Step 2, one block for each image: the best `limit` of what all classes kept.
//
// A candidate is one 64-bit key: the bits of its score above, and below them the complement of its
// pair number (class * boxes + box). Scores are not negative, so that a larger key is a better
// candidate; of equal scores the lower class goes first, then the lower box.

#include "blocks.h"

#define CANDIDATES 1024  // of a class; equals THREADS, so that each thread suppresses one of them
#define DIGITS 256
#define TILE 32  // TILE * TILE equals THREADS: a thread for each pair; and a word has a bit for each

struct Best {
    KEY keys[CANDIDATES];
    unsigned int counts[DIGITS + 1];
    unsigned int sums[DIGITS];
    unsigned int digit;
    KEY prefix;           // the digits of the last key that is taken, found so far
    unsigned int missing; // how many are to be taken among those that share this prefix
    unsigned int taken;
};

DEVICE KEY key_of(float score, unsigned int pair) {
    return ((KEY)float_bits(score) << 32) | (0xffffffffu - pair);
}

DEVICE unsigned int pair_of(KEY key) { return 0xffffffffu - (unsigned int)key; }

// Leave in `best.keys` the `limit` largest keys of `source(0 .. size - 1)`, largest first, and their
// number in `best.taken`. A key of 0 is none. `limit` is at most CANDIDATES.
template <class Source>
DEVICE void take_best(Best &best, const Source &source, int size, int limit) {
    ONE_THREAD { best.taken = 0; best.prefix = 0; best.missing = limit; }
    SYNC();
    EACH_THREAD(t) {
        unsigned int found = 0;
        for (int i = t; i < size; i += THREADS) found += source(i) != 0;
        if (found) atomic_add(&best.taken, found);
    }
    SYNC();
    const bool too_many = best.taken > (unsigned int)limit;
    SYNC();
    if (too_many) {
        // Radix selection: the value of the last key that is taken, digit by digit.
        for (int shift = 56; shift >= 0; shift -= 8) {
            EACH_THREAD(t) { if (t <= DIGITS) best.counts[t] = 0; }
            SYNC();
            EACH_THREAD(t) {
                for (int i = t; i < size; i += THREADS) {
                    const KEY key = source(i);
                    const bool shares = shift == 56 || (key >> (shift + 8)) == (best.prefix >> (shift + 8));
                    if (key != 0 && shares) atomic_add(&best.counts[(key >> shift) & 0xff], 1u);
                }
            }
            SYNC();
            // counts[d] becomes the number of keys whose digit is d or more.
            for (int step = 1; step < DIGITS; step *= 2) {
                EACH_THREAD(t) { if (t < DIGITS) best.sums[t] = best.counts[t] + (t + step < DIGITS ? best.counts[t + step] : 0u); }
                SYNC();
                EACH_THREAD(t) { if (t < DIGITS) best.counts[t] = best.sums[t]; }
                SYNC();
            }
            // The digit up to which there are enough keys; found by the thread whose digit it is.
            EACH_THREAD(t) {
                if (t < DIGITS && best.counts[t] >= best.missing && best.counts[t + 1] < best.missing) best.digit = (unsigned int)t;
            }
            SYNC();
            ONE_THREAD {
                best.prefix |= (KEY)best.digit << shift;
                best.missing -= best.counts[best.digit + 1];
            }
            SYNC();
        }
    }
    const KEY last = best.prefix;
    ONE_THREAD { best.taken = 0; }
    SYNC();
    EACH_THREAD(t) {
        for (int i = t; i < size; i += THREADS) {
            const KEY key = source(i);
            if (key != 0 && key >= last) best.keys[atomic_add(&best.taken, 1u)] = key;
        }
    }
    SYNC();
    int padded = 2;
    while (padded < (int)best.taken) padded *= 2;
    EACH_THREAD(t) { if (t >= (int)best.taken && t < padded) best.keys[t] = 0; }
    SYNC();
    // Bitonic sort, largest first (Batcher 1968).
    for (int length = 2; length <= padded; length *= 2) {
        for (int stride = length / 2; stride > 0; stride /= 2) {
            EACH_THREAD(t) {
                const int other = t ^ stride;
                if (t < padded && other > t) {
                    const KEY one = best.keys[t], two = best.keys[other];
                    if ((one < two) == ((t & length) == 0)) { best.keys[t] = two; best.keys[other] = one; }
                }
            }
            SYNC();
        }
    }
}

struct ClassScores {
    const float *scores;
    int classes, class_id, boxes;
    float threshold;
    METHOD KEY operator()(int box) const {
        const float score = scores[(long long)box * classes + class_id];
        return score > threshold ? key_of(score, (unsigned int)(class_id * boxes + box)) : 0;
    }
};

struct KeptKeys {
    const KEY *keys;
    const int *counts;
    int limit;
    METHOD KEY operator()(int slot) const { return slot % limit < counts[slot / limit] ? keys[slot] : 0; }
};

DEVICE float smaller(float a, float b) { return a < b ? a : b; }
DEVICE float larger(float a, float b) { return a > b ? a : b; }

// Whether IoU > threshold, without a division: two empty boxes have no union.
DEVICE bool overlap(const float *a, const float *b, float threshold) {
    const float width = larger(smaller(a[2], b[2]) - larger(a[0], b[0]), 0.0f);
    const float height = larger(smaller(a[3], b[3]) - larger(a[1], b[1]), 0.0f);
    const float common = width * height;
    const float area_a = (a[2] - a[0]) * (a[3] - a[1]);
    const float area_b = (b[2] - b[0]) * (b[3] - b[1]);
    return common > (area_a + area_b - common) * threshold;
}

// Grid (classes, images). `decoded` (B, N, 4) xyxy, `scores` (B, N, C); writes `kept` (B, C, limit)
// and `counts` (B, C).
KERNEL suppress_class(BLOCK_ARGUMENTS const float *decoded, const float *scores, int boxes, int classes, int limit,
                      float score_threshold, float iou_threshold, KEY *kept, int *counts) {
    SHARED Best best;
    SHARED float corners[CANDIDATES][4];
    SHARED unsigned int alive[CANDIDATES / 32];  // a bit for each candidate that is not suppressed
    SHARED unsigned int suppressors[TILE];       // of each candidate of a tile: the better ones that overlap it
    const int class_id = BLOCK_X, image = BLOCK_Y;
    const float *own_boxes = decoded + (long long)image * boxes * 4;
    ClassScores source = {scores + (long long)image * boxes * classes, classes, class_id, boxes, score_threshold};
    take_best(best, source, boxes, CANDIDATES);
    const int count = (int)best.taken;
    EACH_THREAD(t) {
        if (t < count) {
            const int box = (int)pair_of(best.keys[t]) - class_id * boxes;
            for (int side = 0; side < 4; side++) corners[t][side] = own_boxes[(long long)box * 4 + side];
        }
        if (t < TILE) suppressors[t] = 0;
        if (t < CANDIDATES / 32) {
            const int left = count - t * 32;
            alive[t] = left >= 32 ? 0xffffffffu : left > 0 ? (1u << left) - 1 : 0u;
        }
    }
    SYNC();
    KEY *own_kept = kept + ((long long)image * classes + class_id) * limit;
    int found = 0;
    // Each round settles TILE candidates: who of them stays, and whom those suppress further on.
    for (int tile = 0; tile * TILE < count && found < limit; tile++) {
        const unsigned int candidates = alive[tile];
        if (candidates == 0) continue;
        const int first = tile * TILE;
        EACH_THREAD(t) {
            const int one = first + t / TILE, better = first + t % TILE;
            if (better < one && one < count && overlap(corners[better], corners[one], iou_threshold))
                atomic_or(&suppressors[one - first], 1u << (better - first));
        }
        SYNC();
        // Every thread comes to the same result, so that nothing has to be handed on.
        unsigned int staying = 0;
        int last = found;
        for (int i = 0; i < TILE && last < limit; i++)
            if ((candidates >> i & 1) && !(suppressors[i] & staying)) { staying |= 1u << i; last++; }
        EACH_THREAD(t) {
            if (t >= first && t < first + TILE && (staying >> (t - first) & 1))
                own_kept[found + count_bits(staying & ((1u << (t - first)) - 1))] = best.keys[t];
            if (t >= first + TILE && t < count && (alive[t / 32] >> (t % 32) & 1)) {
                for (unsigned int left = staying; left; left &= left - 1) {
                    if (overlap(corners[first + lowest_bit(left)], corners[t], iou_threshold)) {
                        atomic_and(&alive[t / 32], ~(1u << (t % 32)));
                        break;
                    }
                }
            }
        }
        SYNC();
        EACH_THREAD(t) { if (t < TILE) suppressors[t] = 0; }
        SYNC();
        found = last;
    }
    ONE_THREAD { counts[(long long)image * classes + class_id] = found; }
}

// Grid (images). Writes the four outputs of EfficientNMS_TRT; rows past an image's count are zero.
KERNEL gather_best(BLOCK_ARGUMENTS const float *decoded, const KEY *kept, const int *counts, int boxes, int classes, int limit,
                   int *out_count, float *out_boxes, float *out_scores, int *out_classes) {
    SHARED Best best;
    const int image = BLOCK_X;
    KeptKeys source = {kept + (long long)image * classes * limit, counts + (long long)image * classes, limit};
    take_best(best, source, classes * limit, limit);
    EACH_THREAD(t) {
        if (t == 0) out_count[image] = (int)best.taken;
        for (int row = t; row < limit; row += THREADS) {
            const bool real = row < (int)best.taken;
            const KEY key = real ? best.keys[row] : 0;
            const int pair = real ? (int)pair_of(key) : 0;
            const long long place = (long long)image * limit + row;
            for (int side = 0; side < 4; side++)
                out_boxes[place * 4 + side] = real ? decoded[((long long)image * boxes + pair % boxes) * 4 + side] : 0.0f;
            out_scores[place] = real ? bits_float((unsigned int)(key >> 32)) : 0.0f;
            out_classes[place] = pair / boxes;
        }
    }
}
