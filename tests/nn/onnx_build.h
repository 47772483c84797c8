/*
 * Writes small ONNX files for tests, also wrong ones.
 *
 *   struct onnx_build b;
 *   onnx_build_begin(&b, 11, 3);
 *   onnx_build_floats(&b, "w", "4,3,1,1", values);
 *   onnx_build_node(&b, "Conv", "x w", "y", "strides=[1,1] auto_pad='VALID'");
 *   onnx_build_end(&b, "y");          b.file.data[b.file.size] is the file
 *
 * A failure of the builder (memory) fails the test. Free with onnx_build_free.
 */
#ifndef SE_TESTS_NN_ONNX_BUILD_H
#define SE_TESTS_NN_ONNX_BUILD_H

#include <stdint.h>

#include "base/buffer.h"
#include "nn/nn.h"

struct onnx_build {
    struct buffer graph, file;
    int nodes;
    int64_t opset;
};

/* Begins a model with the float input "x" of shape [?, channels, ?, ?]. */
void onnx_build_begin(struct onnx_build *build, int64_t opset, int64_t channels);
/* A float constant of dims "2,3" ("" is a scalar), as raw data. */
void onnx_build_floats(struct onnx_build *build, const char *name, const char *dims,
                       const float *values);
/* The same filled with numbers from -1 to 1, always the same for the same name. */
void onnx_build_noise(struct onnx_build *build, const char *name, const char *dims);
/* A list of int64 "1,-1,3" as typed data. */
void onnx_build_ints(struct onnx_build *build, const char *name, const char *list);
/* Inputs and outputs separated by spaces, "-" for one left out; attributes as NAME=1, NAME=0.5f,
 * NAME='TEXT', NAME=[1,2], separated by spaces. Nodes are named TYPE.INDEX. */
void onnx_build_node(struct onnx_build *build, const char *type, const char *inputs,
                     const char *outputs, const char *attributes);
/* Adds a field of the graph by hand: number and contents. */
void onnx_build_raw(struct onnx_build *build, int field, const void *bytes, size_t size);
/* Ends the file; `output` is declared as the output (NULL: none). */
void onnx_build_end(struct onnx_build *build, const char *output);
void onnx_build_free(struct onnx_build *build);
/* Ends the file, loads it as `name` and frees the builder; a model that does not load fails the
 * test. */
struct nn_model *onnx_build_load(struct onnx_build *build, const char *output, const char *name,
                                 const struct nn_model_options *options);

/* Pieces of the wire format, for building by hand. */
void wire_put_number(struct buffer *to, uint64_t value);
void wire_put_int(struct buffer *to, int field, int64_t value);
void wire_put_bytes(struct buffer *to, int field, const void *bytes, size_t size);
void wire_put_text(struct buffer *to, int field, const char *text);
void wire_put_float(struct buffer *to, int field, float value);

#endif
