/*
 * nn_model: reads, fuses, checks and packs, once; immutable afterwards.
 */
#include "nn/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn/fuse.h"
#ifdef SE_GPU
#include "nn/cuda/cuda_backend.h"
#endif

static const struct nn_backend *gpu_backend(const struct nn_model_options *options, se_error *err)
{
#ifdef SE_GPU
    return nn_cuda_backend(options->device, options->device_max_bytes, err);
#else
    (void)options;
    se_fail(err, SE_ERR_DEVICE, "this build has no GPU support");
    return NULL;
#endif
}

static int choose_backend(const struct nn_model_options *options, const struct nn_backend **out,
                          se_error *err)
{
    switch (options->backend) {
    case NN_BACKEND_REF:
        *out = nn_ref_backend();
        return SE_OK;
    case NN_BACKEND_CPU:
        *out = nn_cpu_backend(options->cpu, err);
        return *out ? SE_OK : SE_ERR_UNSUPPORTED;
    case NN_BACKEND_GPU:
        *out = gpu_backend(options, err);
        return *out ? SE_OK : SE_ERR_DEVICE;
    }
    return se_fail(err, SE_ERR_ARGUMENT, "backend %d", (int)options->backend);
}

/* The node named `name` that a backend computes; NULL when there is none. */
static struct nn_node *find_node(struct nn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].op < NN_OP_BACKEND_END && strcmp(graph->nodes[i].name, name) == 0)
            return &graph->nodes[i];
    return NULL;
}

/* Is there a range for every channel that the weight in `slot` meets, and none empty? */
static bool are_ranges(const struct nn_node *node, int slot, const int16_t *ranges, size_t size)
{
    const size_t channels = (size_t)node->weight[slot].dims[1];
    bool right = size == channels * NN_RANGE_NUMBERS * sizeof(*ranges);
    for (size_t i = 0; right && i < channels; i++, ranges += NN_RANGE_NUMBERS) {
        const int16_t low = ranges[0], high = ranges[1], mean = ranges[2];
        right = low <= 0 && high >= 0 && low < high && mean >= low && mean <= high;
    }
    return right;
}

static int set_ranges(struct nn_model *model, const struct nn_model_options *options, se_error *err)
{
    RETURN_ERROR_IF(options->range_count && !model->backend->int8_name, err, SE_ERR_UNSUPPORTED,
                    "backend %s computes in fp32 alone", model->backend->name);
    for (size_t i = 0; i < options->range_count; i++) {
        const struct nn_range *range = &options->ranges[i];
        struct nn_node *node = find_node(&model->graph, range->node);
        const bool is_product = node && (node->op == NN_OP_GEMM || node->op == NN_OP_FFN ||
                                         node->op == NN_OP_SELECT || node->op == NN_OP_CONV);
        RETURN_ERROR_IF(!is_product, err, SE_ERR_MODEL,
                        "%s: has no linear layer or convolution %s that could be in 8 bits",
                        model->name, range->node);
        const bool right =
            are_ranges(node, 0, range->x, range->x_size) &&
            (node->op != NN_OP_FFN || are_ranges(node, 2, range->hidden, range->hidden_size));
        RETURN_ERROR_IF(!right, err, SE_ERR_MODEL,
                        "%s: the 8-bit ranges of node %s are not of its channels, or one is empty, "
                        "without 0 or without its mean",
                        model->name, range->node);
        node->quant = (struct nn_quant){.x = range->x, .hidden = range->hidden};
    }
    model->int8 = options->range_count > 0;
    return SE_OK;
}

static int pack(struct nn_model *model, se_error *err)
{
    const size_t count = (size_t)model->graph.node_count;
    model->packed = calloc(count + 1, sizeof(*model->packed));
    if (!model->packed)
        return se_fail_memory(err, "packed weights", count * sizeof(*model->packed));
    for (int32_t i = 0; i < model->graph.node_count; i++) {
        const struct nn_node *node = &model->graph.nodes[i];
        if (node->op >= NN_OP_BACKEND_END)
            continue;
        size_t bytes = 0;
        FORWARD_IF_ERROR(model->backend->supports(node, err));
        FORWARD_IF_ERROR(model->backend->pack(node, &model->packed[i], &bytes, err));
        model->packed_bytes += bytes;
    }
    if (model->backend->owns_weights)
        nn_graph_drop_weights(&model->graph);
    return SE_OK;
}

static int load(struct nn_model *model, const void *bytes, size_t size, const char *name,
                const struct nn_model_options *options, se_error *err)
{
    struct nn_graph *graph = &model->graph;
    FORWARD_IF_ERROR(choose_backend(options, &model->backend, err));
    model->name = arena_copy(&graph->arena, name, strlen(name));
    if (!model->name)
        return se_fail_memory(err, "a model", strlen(name));
    FORWARD_IF_ERROR(onnx_read(graph, &model->metadata, bytes, size, name, err));
    model->output = graph->output_shape;
    if (options->head_column_count)
        FORWARD_IF_ERROR(nn_fuse_select(graph, options, err));
    if (!options->no_fusion)
        FORWARD_IF_ERROR(nn_fuse(graph, err));
    FORWARD_IF_ERROR(set_ranges(model, options, err));
    return pack(model, err);
}

int nn_model_load_memory(struct nn_model **out, const void *bytes, size_t size, const char *name,
                         const struct nn_model_options *options, se_error *err)
{
    *out = NULL;
    struct nn_model *model = calloc(1, sizeof(*model));
    if (!model)
        return se_fail_memory(err, "a model", sizeof(*model));
    nn_graph_init(&model->graph);
    /* Ranges of 8-bit layers are for the CPU: the GPU computes in halves. */
    struct nn_model_options own = *options;
    if (options->backend == NN_BACKEND_GPU && options->spare)
        own.range_count = 0;
    int status = load(model, bytes, size, name, &own, err);
    if (status == SE_OK && options->spare && options->backend == NN_BACKEND_GPU) {
        struct nn_model_options spare = *options;
        spare.backend = NN_BACKEND_CPU;
        status = nn_model_load_memory(&model->spare, bytes, size, name, &spare, err);
    }
    if (status != SE_OK)
        nn_model_free(model);
    else
        *out = model;
    return status;
}

int nn_model_load(struct nn_model **out, const char *path, const struct nn_model_options *options,
                  se_error *err)
{
    struct file_map map;
    *out = NULL;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    const int status = nn_model_load_memory(out, map.data, map.size, path, options, err);
    file_map_close(&map);
    return status;
}

static int describe(struct nn_model *model, const char *path, se_error *err)
{
    struct file_map map;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    const int status =
        onnx_describe(&model->graph, &model->metadata, map.data, map.size, path, err);
    file_map_close(&map);
    model->output = model->graph.output_shape;
    return status;
}

int nn_model_describe(struct nn_model **out, const char *path, se_error *err)
{
    *out = NULL;
    struct nn_model *model = calloc(1, sizeof(*model));
    if (!model)
        return se_fail_memory(err, "a model", sizeof(*model));
    nn_graph_init(&model->graph);
    const int status = describe(model, path, err);
    if (status != SE_OK)
        nn_model_free(model);
    else
        *out = model;
    return status;
}

void nn_model_free(struct nn_model *model)
{
    if (!model)
        return;
    for (int32_t i = 0; model->packed && i < model->graph.node_count; i++)
        if (model->packed[i])
            model->backend->pack_free(model->packed[i]);
    free(model->packed);
    if (model->backend && model->backend->close)
        model->backend->close();
    nn_model_free(model->spare);
    nn_graph_free(&model->graph);
    free(model);
}

const char *nn_model_metadata(const struct nn_model *model, const char *key, size_t *size)
{
    for (size_t i = 0; i < model->metadata.count; i++)
        if (strcmp(model->metadata.properties[i].key, key) == 0) {
            *size = model->metadata.properties[i].size;
            return model->metadata.properties[i].value;
        }
    *size = 0;
    return NULL;
}

struct nn_shape nn_model_input_shape(const struct nn_model *model)
{
    return model->graph.input_shape;
}

int64_t nn_model_output_columns(const struct nn_model *model)
{
    return model->output.rank ? model->output.dims[model->output.rank - 1] : -1;
}

const char *nn_model_backend_name(const struct nn_model *model)
{
    return model->backend ? model->backend->name : "none";
}

const char *nn_model_precision_name(const struct nn_model *model)
{
    if (model->int8)
        return model->backend->int8_name();
    return model->backend && model->backend->precision ? model->backend->precision : "fp32";
}

double nn_model_peak_gflops(const struct nn_model *model)
{
    return model->backend && model->backend->peak_gflops ? model->backend->peak_gflops() : 0;
}
