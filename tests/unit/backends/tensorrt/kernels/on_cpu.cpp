// The kernels of ssd_live/backends/tensorrt/kernels, compiled for the CPU: block after block.

#include <vector>

#include "nms.cu"
#include "preprocess.cu"

extern "C" void nms(const float *decoded, const float *scores, int images, int boxes, int classes, int limit, float score_threshold,
                    float iou_threshold, int *out_count, float *out_boxes, float *out_scores, int *out_classes) {
    std::vector<KEY> kept((size_t)images * classes * limit);
    std::vector<int> counts((size_t)images * classes);
    for (int image = 0; image < images; image++)
        for (int class_id = 0; class_id < classes; class_id++)
            suppress_class(class_id, image, decoded, scores, boxes, classes, limit, score_threshold, iou_threshold, kept.data(), counts.data());
    for (int image = 0; image < images; image++)
        gather_best(image, 0, decoded, kept.data(), counts.data(), boxes, classes, limit, out_count, out_boxes, out_scores, out_classes);
}

extern "C" void network_input(const unsigned char *luma, int luma_pitch, int luma_width, int luma_height, const unsigned char *u,
                              const unsigned char *v, int chroma_pitch, int chroma_width, int chroma_height, int step, const float *matrix,
                              unsigned char *output, int width, int height) {
    Matrix values;
    for (int i = 0; i < 12; i++) values.values[i] = matrix[i];
    for (int block = 0; block * THREADS < width * height; block++)
        planes_to_input(block, 0, luma, luma_pitch, luma_width, luma_height, u, v, chroma_pitch, chroma_width, chroma_height, step, values,
                        output, width, height);
}
