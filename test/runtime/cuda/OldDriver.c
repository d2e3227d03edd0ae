/* A libcuda.so.1 that lacks almost everything. */
int cuInit(unsigned flags) { return 0; }
