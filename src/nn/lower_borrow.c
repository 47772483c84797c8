#include "nn/lower.h"

/*
 * In a stem like this the results of the first layer and of a whole concatenation are the largest
 * tensors of the network, and all alive at once:
 *
 *   a ─┬─ pool ─────────────┬─ concat [p, c] ─
 *      └─ conv ─ b ─ conv c ┘
 *
 * `a` is read for the last time before `c` is made, and is as large. So it is made where `c` will
 * be: among the channels of the concatenation, which exists by then for the sake of `p`.
 */

/* What is known of the nodes that read a value. */
struct readers {
    int32_t last; /* the last of them; the node count where the value is the output */
    bool plain;   /* all of them read their input before the next step begins */
};

/* Steps of these run on their own, or in groups that leave out a result others of them read. */
static bool runs_alone(enum nn_op op)
{
    return op == NN_OP_CONV || op == NN_OP_MAXPOOL;
}

static void note_reader(const struct lower *lower, struct readers *readers, int32_t value,
                        int32_t node)
{
    if (value == NN_NO_VALUE)
        return;
    readers[value].last = node;
    readers[value].plain &= runs_alone(lower->graph->nodes[node].op);
}

static void find_readers(const struct lower *lower, struct readers *readers)
{
    const struct nn_graph *graph = lower->graph;
    for (int32_t i = 0; i < graph->value_count; i++)
        readers[i] = (struct readers){.last = -1, .plain = true};
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        for (int k = 0; k < NN_INPUTS; k++)
            note_reader(lower, readers, node->in[k], i);
        for (int32_t k = 1; k < node->list_count; k++)
            note_reader(lower, readers, node->list[k], i);
    }
    readers[graph->output] = (struct readers){.last = graph->node_count};
}

static bool is_same_size(const struct lower *lower, int32_t a, int32_t b)
{
    const struct nn_shape *x = &lower->info[a].shape, *y = &lower->info[b].shape;
    bool same = x->rank == 4 && y->rank == 4 && !lower->info[a].ints;
    for (int i = 0; i < 4 && same; i++)
        same = x->dims[i] == y->dims[i];
    return same;
}

/* The last node before `end` that makes a value which may lie where `part` will: it is as large,
 * has no place of its own, and nothing reads it from the maker of `part` on. -1: none. */
static int32_t find_borrower(const struct lower *lower, const struct readers *readers, int32_t part,
                             int32_t end)
{
    const struct nn_graph *graph = lower->graph;
    for (int32_t i = end - 1; i >= 0; i--) {
        const struct nn_node *node = &graph->nodes[i];
        if (runs_alone(node->op) && lower->place[node->out].concat < 0 &&
            readers[node->out].last > i && readers[node->out].last < end &&
            readers[node->out].plain && is_same_size(lower, node->out, part))
            return i;
    }
    return -1;
}

/* Does a part of the concatenation exist before node `at` has run? */
static bool exists_by(const struct nn_node *concat, const int32_t *maker, int32_t at)
{
    bool exists = false;
    for (int32_t k = 0; k < concat->list_count; k++)
        exists |= maker[concat->list[k]] >= 0 && maker[concat->list[k]] <= at;
    return exists;
}

int lower_borrow(struct lower *lower, const int32_t *maker)
{
    const struct nn_graph *graph = lower->graph;
    const size_t values = (size_t)graph->value_count;
    struct readers *readers = arena_alloc(&lower->planned->arena, values, sizeof(*readers));
    if (!readers)
        return se_fail_memory(lower->err, "a plan", values * sizeof(*readers));
    find_readers(lower, readers);
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct nn_node *concat = &graph->nodes[i];
        for (int32_t k = 0; concat->op == NN_OP_CONCAT && k < concat->list_count; k++) {
            const int32_t part = concat->list[k], made = maker[part];
            if (made < 0 || lower->place[part].concat != i || !runs_alone(graph->nodes[made].op))
                continue;
            const int32_t borrower = find_borrower(lower, readers, part, made);
            if (borrower < 0)
                continue;
            const int32_t value = graph->nodes[borrower].out;
            if (exists_by(concat, maker, readers[value].last))
                lower->place[value] = lower->place[part];
        }
    }
    return SE_OK;
}
