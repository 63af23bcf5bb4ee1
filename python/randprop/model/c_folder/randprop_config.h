/* What the runtime is compiled for: the model of model.h alone. Written by randprop. */
#ifndef RANDPROP_CONFIG_H
#define RANDPROP_CONFIG_H

#define RP_FIXED_ID $id
$defines

#endif
