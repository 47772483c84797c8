/* A library that opens and has nothing of what a driver has. */
int without_cuda(void);

int without_cuda(void)
{
    return 0;
}
